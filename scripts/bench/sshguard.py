"""sshguard under measurement. Its own parser knows no 511 of Courier, so sed stands in for it."""

import time

import peer

SCRIPT = "/etc/sshguard/courier.sed"
KEPT = "/var/lib/sshguard/blacklist"  # bans that outlive a restart
SERVICE = 290  # Courier, of its attack.h


class SSHGuard(peer.Peer):
    name = "sshguard"
    package = "sshguard"
    holds_many = False  # each further ban makes nft read the whole set: 50,000 take hours

    def configuration(self, further=""):
        return {
            "/etc/sshguard/sshguard.conf":
                'BACKEND="/usr/libexec/sshguard/sshg-fw-nft-sets"\n'
                f'FILES="{peer.LOG}"\nPARSER="sed -u -n -f {SCRIPT}"\nTHRESHOLD=10\nBLOCK_TIME=86400\n'
                f"WHITELIST_FILE=/etc/sshguard/whitelist\n{further}",
            SCRIPT: rf"s/^.*courieresmtpd: error,relay=::ffff:\([0-9.]*\),.*: 511 .*/{SERVICE} \1 4 10/p" "\n",
        }

    def launch(self, spawn):
        spawn("sshguard")

    def start(self):
        super().start()
        time.sleep(1)  # tail and sed may still be on their way

    def is_ready(self):
        return peer.has_set("ip sshguard", "attackers")

    def prepare(self, addresses):
        now = int(time.time())
        self.write(KEPT, "".join(f"{now}|{SERVICE}|4|{address}\n" for address in addresses))
        for path, text in self.configuration(f'BLACKLIST_FILE="10:{KEPT}"\n').items():
            self.write(path, text)

    def reading(self, path):
        """Its own parser, which finds none of these lines; sed would measure sed."""
        return ["sh", "-c", f"/usr/libexec/sshguard/sshg-parser < {path}"]
