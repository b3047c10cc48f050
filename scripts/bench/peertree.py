"""The peers' software, as Debian has it, in a tree of its own: nothing is installed on the host.

The tree is built and kept as the lab's is, and each measurement gets a private copy of all but /usr.
"""

import tree

PACKAGES = ["fail2ban", "python3-pyinotify", "sshguard", "crowdsec", "crowdsec-firewall-bouncer",
            "nftables", "iproute2", "procps", "sqlite3"]
# Without credentials of the central API crowdsec's configuration script wants to register there and fails
# where there is no way out. A file that is not empty tells it to leave that.
EARLY = ['mkdir -p "$1/etc/crowdsec"', 'echo "# none" > "$1/etc/crowdsec/online_api_credentials.yaml"']
HOOKS = ['rm -rf "$1"/var/cache/* "$1"/var/lib/apt/lists/*']


def ready(tell):
    return tree.ready(tell, PACKAGES, HOOKS, EARLY)
