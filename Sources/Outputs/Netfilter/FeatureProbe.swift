import CLinux
import CNetfilter
import Glibc
import Netlink
import Posix

/// What the kernel and our rights allow: each finding from a table `breakwater_probe` that is made and deleted within
/// one transaction, so that no packet ever meets it.
package struct FeatureProbe: Sendable {
    package struct Finding: Sendable {
        package let feature: String
        /// `nil` when it is there.
        package let problem: String?
    }

    package let findings: [Finding]
    package var isSufficient: Bool { findings.allSatisfy { $0.problem == nil } }

    package init() throws(FirewallError) {
        let socket: NetlinkSocket
        do {
            socket = try NetlinkSocket(family: NETLINK_NETFILTER, isNonblocking: true)
        } catch {
            throw FirewallError("open", error)
        }
        socket.askForFullErrors()
        var findings: [Finding] = []
        for feature in FeatureProbe.features {
            let error = FeatureProbe.tryOut(feature, over: socket)
            findings.append(Finding(feature: feature.name, problem: error.map { feature.problem($0) }))
            // Without the right to write nothing else can be told.
            if error?.kind == .notPermitted { break }
        }
        self.findings = findings
    }

    private struct Feature {
        let name: String
        let remedy: String
        let write: (Ruleset, Batch) -> Void

        func problem(_ error: FirewallError) -> String {
            error.kind == .notPermitted
                ? error.description : "\(error.operation): \(errnoText(error.code)) -> \(remedy)"
        }
    }

    private static func tryOut(_ feature: Feature, over socket: NetlinkSocket) -> FirewallError? {
        let batch = Batch()
        let ruleset = Ruleset(plan: FirewallPlan(ports: [25]), table: "breakwater_probe")
        ruleset.addTable(to: batch)
        feature.write(ruleset, batch)
        ruleset.deleteTable(in: batch)
        do {
            try batch.commit(over: socket)
            return nil
        } catch {
            return error.error
        }
    }

    private static var features: [Feature] {
        [
            Feature(
                name: "write to nftables (CAP_NET_ADMIN, nf_tables)",
                remedy: "Linux 5.10 or newer with CONFIG_NF_TABLES_INET"
            ) {
                _, _ in
            },
            Feature(name: "sets with timeouts and counters", remedy: "Linux 5.10 or newer") { ruleset, batch in
                ruleset.addSet(.banned4, to: batch)
            },
            Feature(name: "sets of networks with timeouts", remedy: "Linux 5.10 or newer") { ruleset, batch in
                ruleset.addSet(.bannedNets6, to: batch)
            },
            Feature(name: "the hook in front of everything", remedy: "CONFIG_NF_TABLES_INET") { ruleset, batch in
                ruleset.addChain(.arrivals, to: batch)
            },
            Feature(
                name: "count of connections (limit.per_source)", remedy: "CONFIG_NFT_CONNLIMIT, or limit.per_source = 0"
            ) {
                ruleset, batch in
                ruleset.addSet(.open4, to: batch)
                ruleset.addChain(.newcomers, to: batch)
                ruleset.add(
                    Rule(chain: .newcomers, table: ruleset.table, comment: "probe").source(isIPv4: true)
                        .hasMoreConnections(than: 1, countedIn: SetName.open4.rawValue).drop(), to: batch)
            },
            Feature(
                name: "limit of new connections (limit.new_per_second)",
                remedy: "CONFIG_NFT_LIMIT, or limit.new_per_second = 0"
            ) {
                ruleset, batch in
                ruleset.addChain(.newcomers, to: batch)
                ruleset.add(
                    Rule(chain: .newcomers, table: ruleset.table, comment: "probe").exceeds(perSecond: 1, burst: 1)
                        .drop(),
                    to: batch)
            },
            Feature(name: "named counters", remedy: "Linux 5.10 or newer with CONFIG_NFT_OBJREF") { ruleset, batch in
                ruleset.addCounter(.droppedBanned, to: batch)
            },
        ]
    }
}
