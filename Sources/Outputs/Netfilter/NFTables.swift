import Addresses
import CLinux
import CNetfilter
import Events
import Glibc
import Netlink
import Posix

/// The firewall in nftables: table `inet breakwater`, made and kept over netlink.
///
/// The table is ours alone: an administrator's tables are never touched, and what others put into our sets stays.
/// Nothing is flushed when this goes away; the next start adopts what stands in the kernel.
package final class NFTables: Firewall {
    let socket: NetlinkSocket
    let query: Query
    let batch = Batch()
    private(set) var ruleset: Ruleset
    var networks = Networks()
    private var allowed: [Prefix] = []
    /// The rules as the kernel told them just after they were written: what `repair` compares with.
    private var writtenRules: [ChainName: [[UInt8]]] = [:]

    package init() throws(FirewallError) {
        do {
            socket = try NetlinkSocket(family: NETLINK_NETFILTER, isNonblocking: true)
        } catch {
            throw FirewallError("open", error)
        }
        // One transaction of 1,000 networks is 240 KB, and the answers to one look-up of 400 elements 400 KB.
        socket.setSendQueue(bytes: 2 << 20)
        socket.setReceiveQueue(bytes: 4 << 20)
        socket.askForFullErrors()
        query = Query(over: socket)
        ruleset = Ruleset(plan: FirewallPlan(ports: []))
    }

    package var form: String { "nft" }
    package var endsBansByItself: Bool { true }
    package var hasCounters: Bool { true }
    /// Whose messages a `TableMonitor` passes over.
    package var portID: UInt32 { socket.portID }

    package func start(_ plan: FirewallPlan, at now: Instant) throws(FirewallError) -> Adoption {
        ruleset.plan = plan
        var adoption = Adoption()
        let findings = try query.inspect(plan)
        // A set of another shape is replaced; its elements move over.
        var moved: [Element] = []
        for set in findings.adoptedMisshapenSets { moved += try query.contents(of: set).elements }
        adoption.made = try put(findings, withRules: true)
        for set in [SetName.open4, .open6] where !findings.missingSets.contains(set) {
            // The kernel copies the limit into each source's entry, so entries of an older limit must go.
            ElementWire.flush(set, in: batch)
        }
        try commit()
        try setAllowed(plan.allowed)
        var carried: [Element] = []
        if !moved.isEmpty {
            for result in apply(moved.map(FirewallChange.init), at: now) where result.outcome == .failed {
                adoption.warnings.append("\(result.change.prefix) lost: \(result.error?.description ?? "")")
            }
            carried = moved
        }
        var areWhole = true
        for set in SetName.adopted {
            let contents = try query.contents(of: set)
            adoption.elements += contents.elements
            adoption.foreignRanges += contents.foreignRanges.map { "\(set.rawValue) \($0)" }
            if !contents.isWhole { areWhole = false }
        }
        networks = Networks()
        for element in adoption.elements where element.place == .banned && !element.prefix.isHost {
            _ = networks.want(element.prefix, until: now + (element.expires ?? .forever))
            networks.settle(element.prefix, isHeld: true)
        }
        if !areWhole, carried.isEmpty {
            adoption.warnings.append("the sets changed while they were read; some bans may be adopted late")
        }
        return adoption
    }

    package func change(to plan: FirewallPlan) throws(FirewallError) {
        let limitChanged = plan.perSource != ruleset.plan.perSource
        ruleset.plan = plan
        _ = try put(query.inspect(plan), withRules: true)
        if limitChanged {
            for set in [SetName.open4, .open6] { ElementWire.flush(set, in: batch) }
            try commit()
        }
        try setAllowed(plan.allowed)
    }

    /// Takes the rules of `owner` out and leaves the sets; those of another stay as they are.
    package func takeOutRules(of owner: String) throws(FirewallError) -> RulesTakenOut {
        let findings = try query.inspect(ruleset.plan)
        guard let rules = findings.rules[.arrivals], !rules.isEmpty else { return .none }
        let found = try query.tableOwner() ?? ""
        guard found == owner else { return .left(owner: found) }
        ruleset.plan = FirewallPlan(ports: [], owner: owner)
        _ = try put(findings, withRules: true)
        return .done
    }

    /// Who put the table there; empty when its rules do not say, `nil` when there are none.
    package func owner() throws(FirewallError) -> String? { try query.tableOwner() }

    package func repair() throws(FirewallError) -> Repairs {
        let findings = try query.inspect(ruleset.plan)
        let rulesDiffer = findings.rules != writtenRules
        var repairs = Repairs()
        if !findings.isWhole || rulesDiffer { repairs = try put(findings, withRules: rulesDiffer) }
        repairs.allowed = try missingAllowed()
        if repairs.allowed > 0 { try setAllowed(allowed) }
        return repairs
    }

    package func drops() throws(FirewallError) -> Drops {
        let counters = try query.counters()
        var drops = Drops()
        drops.banned = counters[.droppedBanned] ?? Drops.Count()
        drops.perSource = counters[.droppedPerSource] ?? Drops.Count()
        drops.newPerSecond = counters[.droppedNewPerSecond] ?? Drops.Count()
        return drops
    }

    package func remove() throws(FirewallError) {
        // Making it first costs nothing; deleting what is not there would fail.
        ruleset.addTable(to: batch)
        ruleset.deleteTable(in: batch)
        networks = Networks()
        writtenRules = [:]
        try commit()
    }

    // MARK: - Allowed prefixes

    package func setAllowed(_ prefixes: [Prefix]) throws(FirewallError) {
        allowed = prefixes
        for set in [SetName.allowed4, .allowed6] {
            ElementWire.flush(set, in: batch)
            ElementWire.write(wantedRanges(of: set), set: set, to: batch)
        }
        try commit()
    }

    private func wantedRanges(of set: SetName) -> [AddressRange] {
        AddressRange.merged(allowed.filter { $0.isIPv4 == set.isIPv4 })
    }

    /// How many of the ranges that should be allowed are not.
    private func missingAllowed() throws(FirewallError) -> Int {
        var missing = 0
        for set in [SetName.allowed4, .allowed6] {
            let standing = try query.contents(of: set).ranges
            missing += wantedRanges(of: set).count { !$0.isCovered(by: standing) }
        }
        return missing
    }

    // MARK: - Putting the table right

    /// Makes what the findings miss, in one transaction: at no moment are there fewer rules than before.
    private func put(_ findings: Findings, withRules: Bool) throws(FirewallError) -> Repairs {
        var made = Repairs()
        // A set can go only when no rule uses it, and a chain only when no rule jumps to it.
        let areRulesNew =
            withRules || !findings.misshapenSets.isEmpty || !findings.missingChains.isEmpty
            || !findings.misplacedChains.isEmpty
        ruleset.addTable(to: batch)
        made.tables = findings.isTableMissing || findings.isTableDormant ? 1 : 0
        if areRulesNew {
            for chain in ChainName.allCases where !findings.missingChains.contains(chain) {
                ruleset.deleteRules(of: chain, in: batch)
            }
        }
        for chain in ChainName.allCases where findings.misplacedChains.contains(chain) {
            ruleset.deleteChain(chain, in: batch)
        }
        for set in SetName.allCases where findings.misshapenSets.contains(set) { ruleset.deleteSet(set, in: batch) }
        for set in SetName.allCases where findings.missingSets.union(findings.misshapenSets).contains(set) {
            ruleset.addSet(set, to: batch)
            made.sets += 1
        }
        for counter in CounterName.allCases where findings.missingCounters.contains(counter) {
            ruleset.addCounter(counter, to: batch)
            made.counters += 1
        }
        for chain in ChainName.allCases where findings.missingChains.union(findings.misplacedChains).contains(chain) {
            ruleset.addChain(chain, to: batch)
            made.chains += 1
        }
        if areRulesNew { ruleset.addRules(to: batch) }
        try commit()
        if areRulesNew {
            let before = findings.rules.values.joined()
            for chain in ChainName.allCases { writtenRules[chain] = try query.rules(of: chain) }
            let after = writtenRules.values.joined()
            made.rules = after.count { rule in !before.contains(rule) } + max(0, before.count - after.count)
        }
        return made
    }

    func commit() throws(FirewallError) {
        do {
            try batch.commit(over: socket)
        } catch {
            throw error.error
        }
    }
}

extension Findings {
    fileprivate var adoptedMisshapenSets: [SetName] { SetName.adopted.filter(misshapenSets.contains) }
}

extension FirewallChange {
    /// What puts an element in again with the time it has left.
    init(_ element: Element) {
        switch element.place {
        case .banned: self = .ban(element.prefix, timeout: element.expires ?? .forever)
        case .known: self = .remember(element.prefix, timeout: element.expires ?? .forever)
        }
    }
}
