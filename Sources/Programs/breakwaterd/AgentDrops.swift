import Addresses
import Events
import Netfilter
import Policy
import Posix
import Reports
import Store

/// What the kernel dropped of banned sources, from the counters of their elements: see docs/decisions/drops.md.
extension Agent {
    /// Rows of the history that hold no count: how far the counters have been counted, written with the counts.
    static let readingsKey = History.Key(span: 3, number: 0, host: "")

    /// Counts what an element has dropped since it was last read. False when there was nothing.
    @discardableResult
    func count(_ element: Element, at now: Instant) -> Bool {
        let reading = DropReadings.Reading(packets: element.packets, bytes: element.bytes)
        let new = readings.growth(element.prefix, reading)
        guard new.packets > 0 else { return false }
        if var cost = costs[element.prefix] {
            cost.hits = UInt32(clamping: UInt64(cost.hits) &+ new.packets)
            costs[element.prefix] = cost
        }
        // An xt_recent list tells that there were packets, not how many.
        if firewall.hasCounters {
            let amount = DropCounts.Amount(packets: Int(clamping: new.packets), bytes: Int(clamping: new.bytes))
            drops[Int(LocalTime.day(of: now)), default: DropCounts()].add(element.prefix, amount)
        }
        return true
    }

    /// The elements of bans that are about to be made anew, or to leave the set.
    func countBefore(_ prefixes: [Prefix], at now: Instant) {
        guard !prefixes.isEmpty, firewall.hasCounters else { return }
        // Why it cannot be looked up is told by the change that follows.
        for element in (try? firewall.elements(for: prefixes, in: .banned)) ?? [] { count(element, at: now) }
    }

    func forgetCounters(unlessThere prefixes: [Prefix]) {
        guard !prefixes.isEmpty, let there = try? firewall.elements(for: prefixes, in: .banned) else { return }
        for prefix in Set(prefixes).subtracting(there.map(\.prefix)) { readings.forget(prefix) }
    }

    /// Counts what was taken out, and takes note of counters that begin anew.
    func noteCounters(of results: [ChangeResult], at now: Instant) {
        // All of them first: changes of one prefix share their result.
        for result in results { if let removed = result.removed { count(removed, at: now) } }
        for result in results where result.outcome == .done || result.outcome == .already {
            switch result.change {
            case .ban(let prefix, _), .newBan(let prefix, _), .unban(let prefix): readings.forget(prefix)
            case .remember, .forget: break
            }
        }
    }

    /// Reads every counter at once, before nobody does any more.
    func countAll(at now: Instant) {
        guard mode.isEnforcing, firewall.hasCounters else { return }
        let prefixes = policy.ledger.bans.map(\.prefix)
        for start in stride(from: 0, to: prefixes.count, by: 1000) {
            let part = Array(prefixes[start..<min(start + 1000, prefixes.count)])
            do throws(FirewallError) {
                for element in try firewall.elements(for: part, in: .banned) { count(element, at: now) }
            } catch { return journal.warn("drops", error.description) }
        }
    }

    // MARK: - In the history

    /// What an earlier run had counted of the elements that are still there.
    static func recallReadings(_ directory: StateDirectory, _ journal: Journal) -> DropReadings {
        var readings = DropReadings()
        do {
            guard let history = try History(reading: directory), let bytes = try history.bytes(of: readingsKey) else {
                return readings
            }
            for (prefix, amount) in try DropCounts(bytes).prefixes {
                readings.restore(
                    prefix,
                    DropReadings.Reading(packets: UInt64(max(0, amount.packets)), bytes: UInt64(max(0, amount.bytes))))
            }
            readings.isChanged = false
        } catch { journal.warn("drops", "\(error); what bans have dropped since they were made may count again") }
        return readings
    }

    var hasNewDrops: Bool { !drops.isEmpty || readings.isChanged }

    /// Hands over what was dropped and how far the counters are counted; rows for one transaction, so that a crash
    /// neither loses nor repeats what they say of each other.
    func takeDrops() -> @Sendable () -> [(key: History.Key, bytes: [UInt8])] {
        guard hasNewDrops else { return { [] } }
        let (drops, readings) = (drops, readings)
        self.drops = [:]
        self.readings.isChanged = false
        let host = ownHostName() ?? ""
        return {
            var seen = DropCounts()
            for (prefix, reading) in readings.all {
                let amount = DropCounts.Amount(
                    packets: Int(clamping: reading.packets), bytes: Int(clamping: reading.bytes))
                seen.add(prefix, amount, atMost: .max)
            }
            let days = drops.map { day, counts in
                (key: History.Key(span: DropCounts.span, number: day, host: host), bytes: counts.encoded())
            }
            return days + [(Agent.readingsKey, seen.encoded(keeping: .max))]
        }
    }
}
