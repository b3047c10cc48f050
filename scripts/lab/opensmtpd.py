"""OpenSMTPD, and a filter that asks the DNSBLs: it has none itself, and Debian has no packaged one.

The filter speaks smtpd-filters(7), rejects when the recipient is named (stage=connect: at once), and is a script of the
perl that every Debian has.
"""

import re

import services

PACKAGES = ["opensmtpd"]
HOOKS = []
# smtpd serves as many connections as its descriptors allow for; slots is turned into a limit of those.
OPTIONS = {"slots": 100, "zones": "zen.bl.example cbl.bl.example", "stage": "rcpt-to"}
LOG = "mail.log"
PROGRAMS = ("smtpd",)
FORKS = False
REJECTION = re.compile(rb'smtp failed-command command=\"RCPT TO:[^ ]*\" result=\"550')

FILTER = "etc/opensmtpd-filter-dnsbl"
# smtp.c: smtpd takes connections while more than half of its descriptors, and 5, are free.
_RESERVED = 5
_OTHERS = 2


def configure(root, options):
    services.write(root, "etc/mailname", "mx.mail.example\n")
    services.write(root, FILTER, _FILTER, 0o755)
    services.write(root, "etc/smtpd.conf", f"""table aliases file:/etc/aliases
filter "dnsbl" proc-exec "/{FILTER} {options['stage']} {options['zones']}"
listen on 0.0.0.0 filter "dnsbl"
listen on :: filter "dnsbl"
action "local" maildir alias <aliases>
action "relay" relay
match from any for domain "mail.example" action "local"
match for local action "local"
match from local for any action "relay"
""")


def start(root, options):
    descriptors = 2 * (options["slots"] + _RESERVED) + _OTHERS
    services.run(root, "prlimit", f"--nofile={descriptors}:{descriptors}", "/etc/init.d/opensmtpd", "start")
    services.wait_for_greeting("opensmtpd")


_FILTER = r"""#!/usr/bin/perl
# Rejects listed peers: STAGE ZONE...
use strict;
use Socket;
$| = 1;
my ($stage, @zones) = @ARGV;
my %listed;    # session -> answer
while (my $line = <STDIN>) {
    chomp $line;
    last if $line eq 'config|ready';
}
print "register|report|smtp-in|link-connect\n", "register|report|smtp-in|link-disconnect\n";
print "register|filter|smtp-in|$stage\n", "register|ready\n";
while (my $line = <STDIN>) {
    chomp $line;
    my ($kind, $version, $time, $subsystem, $event, $session, @rest) = split /\|/, $line;
    if ($event eq 'link-connect' && $kind eq 'report') {
        look($session, $rest[2]);
    } elsif ($event eq 'link-disconnect') {
        delete $listed{$session};
    } elsif ($kind eq 'filter') {
        my $token = $rest[0];
        look($session, $rest[3]) if $event eq 'connect' && !exists $listed{$session};
        my $answer = $listed{$session};
        print "filter-result|$session|$token|", ($answer ? "reject|$answer" : 'proceed'), "\n";
    }
}

sub look {
    my ($session, $source) = @_;
    my ($address) = $source =~ /^([0-9.]+):\d+$/;
    my ($six) = $source =~ /^\[(?:IPv6:)?([0-9a-f:]+)\]:\d+$/i;
    my $reversed;
    if ($address) {
        $reversed = join '.', reverse split /\./, $address;
    } elsif ($six) {
        $reversed = join '.', reverse split //, unpack 'H*', Socket::inet_pton(AF_INET6, $six);
    } else {
        return;
    }
    for my $zone (@zones) {
        if (inet_aton("$reversed.$zone")) {
            $listed{$session} = "550 5.7.1 " . ($address || $six) . " is listed at $zone";
            return;
        }
    }
}
"""
