"""crowdsec with its firewall bouncer under measurement: a parser and a scenario of our own, as its hub has none for Courier."""

import os
import time

import peer

PARSER = """\
onsuccess: next_stage
filter: "evt.Parsed.program == 'courieresmtpd'"
name: bench/courier
nodes:
  - grok:
      apply_on: message
      pattern: 'error,relay=::ffff:%{IPV4:remote_addr},port=%{INT},.*: 511 '
statics:
  - meta: source_ip
    expression: evt.Parsed.remote_addr
  - meta: log_type
    value: courier_511
"""
SCENARIO = """\
type: trigger
name: bench/courier-511
description: "one DNSBL rejection"
filter: "evt.Meta.log_type == 'courier_511'"
groupby: evt.Meta.source_ip
labels:
  service: courier
  type: spam
  remediation: true
"""
IMPORT = "/var/tmp/import.csv"


class CrowdSec(peer.Peer):
    name = "crowdsec"
    package = "crowdsec crowdsec-firewall-bouncer"
    own_log = "/var/log/crowdsec.log"
    gap_seconds = (0.1, 1.1)  # over a minute: the bouncer asks every 10 s

    def configuration(self):
        return {
            "/etc/crowdsec/acquis.yaml": f"filenames:\n - {peer.LOG}\nlabels:\n  type: syslog\n",
            "/etc/crowdsec/parsers/s01-parse/courier.yaml": PARSER,
            "/etc/crowdsec/scenarios/courier.yaml": SCENARIO,
        }

    def configure(self):
        super().configure()
        # It exempts 10.0.0.0/8, from which our sources are.
        os.remove(self.path("/etc/crowdsec/parsers/s02-enrich/whitelists.yaml"))

    def launch(self, spawn):
        spawn("crowdsec", "-c", "/etc/crowdsec/config.yaml")
        # The bouncer gives up when nobody answers.
        while not peer.answers(8080):
            time.sleep(0.05)
        spawn("crowdsec-firewall-bouncer", "-c", "/etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml")

    def start(self):
        super().start()
        time.sleep(3)  # the set is there before the log is followed

    def is_ready(self):
        return peer.has_set("ip crowdsec", "crowdsec-blacklists") and peer.answers(8080)

    def prepare(self, addresses):
        self.start()
        self.write(IMPORT, "value\n" + "".join(f"{address}\n" for address in addresses))
        self.run("cscli", "decisions", "import", "-i", IMPORT, "--duration", "24h", "--reason", "bench", seconds=300)
        self.end()

    def verbs(self, address):
        return {"list": ["cscli", "decisions", "list", "-l", "0", "-a", "-o", "raw"],
                "ban": ["cscli", "decisions", "add", "--ip", address, "--duration", "24h"],
                "unban": ["cscli", "decisions", "delete", "--ip", address]}
