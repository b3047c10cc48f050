import Addresses
import CNetfilter
import CLinux
import Events
import Glibc

/// Carrying out changes: each is turned into what the kernel must be told, and that goes out in transactions of 1,000.
///
/// A new end for an element there already is given by add, delete and add in one transaction: before Linux 6.12 adding
/// again changes nothing, since then it changes the timeout but a missing one would make it permanent. The first add
/// makes the delete safe when the element is not there or has just expired. An element's counter begins at 0 again.
///
/// A network that does not stand there yet is only added: the kernel (6.18) finds no range to delete that was added in
/// the same transaction over narrower ones just deleted, and refuses the whole.
extension NFTables {
    static let perTransaction = 1_000
    /// Elements refused one by one in a transaction before the rest of it is given up.
    private static let refusalsPerTransaction = 8

    package func apply(_ changes: [FirewallChange], at now: Instant) -> [ChangeResult] {
        var results = changes.map { ChangeResult($0, .done) }
        let lastOnes = collapse(changes, into: &results)
        let present = standing(among: lastOnes.map { changes[$0] })
        var steps: [Step] = []
        note(networks.advance(to: now), change: nil, at: now, in: &steps)
        for index in lastOnes {
            switch changes[index] {
            case .ban(let prefix, let timeout), .newBan(let prefix, let timeout):
                guard timeout > .zero else { results[index].outcome = .already; continue }
                if prefix.isHost {
                    let isRenewal = if case .ban = changes[index] { true } else { false }
                    steps.append(
                        Step(adding: prefix, to: .banned(prefix), timeout, isRenewal: isRenewal, change: index))
                } else {
                    note(networks.want(prefix, until: now + timeout), change: index, at: now, in: &steps)
                }
            case .remember(let prefix, let timeout):
                guard prefix.isHost else {
                    results[index].outcome = .refused
                    results[index].error = FirewallError(
                        "remember", "\(prefix)", notHeld: "known senders are single hosts")
                    continue
                }
                guard timeout > .zero else { results[index].outcome = .already; continue }
                steps.append(Step(adding: prefix, to: .known(prefix), timeout, change: index))
            case .unban(let prefix), .forget(let prefix):
                let isBan = if case .unban = changes[index] { true } else { false }
                let element = (isBan ? present.banned : present.known)[prefix]
                results[index].removed = element
                let wasCovered = isBan && networks.isCovered(prefix)
                if element == nil, !wasCovered { results[index].outcome = .already }
                let before = steps.count
                if isBan, !prefix.isHost { note(networks.unwant(prefix), change: index, at: now, in: &steps) }
                // An element put in by hand after the start is in no list of ours.
                if element != nil, !steps[before...].contains(where: { $0.prefix == prefix }) {
                    steps.append(Step(removing: prefix, from: isBan ? .banned(prefix) : .known(prefix), change: index))
                }
            }
        }
        carryOut(steps, &results)
        share(changes, &results)
        return results
    }

    package var nextDue: Instant? { networks.nextDue }

    package func advance(to now: Instant) -> [ChangeResult] {
        var steps: [Step] = []
        note(networks.advance(to: now), change: nil, at: now, in: &steps)
        var results = steps.map { step in
            ChangeResult(
                .ban(step.prefix, timeout: step.timeoutMilliseconds.map { .milliseconds($0) } ?? .forever), .done)
        }
        for index in steps.indices { steps[index].change = index }
        carryOut(steps, &results)
        return results
    }

    package func reconcile(_ wanted: [FirewallChange], at now: Instant) throws(FirewallError) -> Reconciliation {
        var found: [Element] = []
        var missing: [FirewallChange] = []
        for place in [Element.Place.banned, .known] {
            let changes = wanted.filter { $0.place == place && $0.isAddition }
            let elements = try self.elements(for: changes.map(\.prefix), in: place)
            let there = Set(elements.map(\.prefix))
            found += elements
            missing += changes.filter { !there.contains($0.prefix) && !networks.isCovered($0.prefix) }
        }
        return Reconciliation(found: found, restored: missing.isEmpty ? [] : apply(missing, at: now))
    }

    // MARK: - Steps

    /// The index of the last change of each prefix in each place.
    private func collapse(_ changes: [FirewallChange], into results: inout [ChangeResult]) -> [Int] {
        var last: [FirewallChange.Subject: Int] = [:]
        for (index, change) in changes.enumerated() { last[change.subject] = index }
        return changes.indices.filter { last[changes[$0].subject] == $0 }
    }

    /// Earlier changes of a prefix share the result of its last.
    private func share(_ changes: [FirewallChange], _ results: inout [ChangeResult]) {
        var last: [FirewallChange.Subject: ChangeResult] = [:]
        for result in results { last[result.change.subject] = result }
        guard last.count < results.count else { return }
        for index in results.indices {
            guard let final = last[changes[index].subject] else { continue }
            results[index] = final
            results[index].change = changes[index]
        }
    }

    /// The elements that the removals among `changes` are about. What cannot be looked up counts as not there.
    private func standing(among changes: [FirewallChange]) -> (banned: [Prefix: Element], known: [Prefix: Element]) {
        func look(_ place: Element.Place) -> [Prefix: Element] {
            let prefixes = changes.filter { $0.place == place && !$0.isAddition }.map(\.prefix)
            guard !prefixes.isEmpty, let elements = try? elements(for: prefixes, in: place) else { return [:] }
            return Dictionary(elements.map { ($0.prefix, $0) }) { first, _ in first }
        }
        return (look(.banned), look(.known))
    }

    private func note(_ network: Networks.Steps, change: Int?, at now: Instant, in steps: inout [Step]) {
        for prefix in network.remove { steps.append(Step(removing: prefix, from: .banned(prefix), change: change)) }
        for addition in network.add {
            let left = addition.until == .distantFuture ? .forever : addition.until - now
            steps.append(
                Step(
                    adding: addition.prefix, to: .banned(addition.prefix), left, isRenewal: addition.isHeld,
                    change: change))
        }
    }

    // MARK: - Transactions

    private func carryOut(_ steps: [Step], _ results: inout [ChangeResult]) {
        // Removals first: a wider network can go in only when the narrower ones are out.
        var waiting = (steps.filter(\.isRemoval) + steps.filter { !$0.isRemoval })[...]
        while !waiting.isEmpty {
            let part = Array(waiting.prefix(NFTables.perTransaction))
            waiting = waiting.dropFirst(NFTables.perTransaction)
            guard let error = carryOutOnce(part, &results) else { continue }
            // The same would befall the rest.
            for step in waiting { fail(step, error, &results) }
            return
        }
    }

    /// One transaction, again without what the kernel refuses. Returns an error that concerns the rest as well.
    private func carryOutOnce(_ part: [Step], _ results: inout [ChangeResult]) -> FirewallError? {
        var part = part
        var refusals = 0
        var isRepaired = false
        while !part.isEmpty {
            write(part)
            do {
                try batch.commit(over: socket)
                for step in part where step.set.isInterval { networks.settle(step.prefix, isHeld: !step.isRemoval) }
                return nil
            } catch {
                refusals += 1
                switch error.error.kind {
                case .missing where !isRepaired:
                    isRepaired = true
                    do { _ = try repair() } catch let repairError { return failAll(part, repairError, &results) }
                case .setFull:
                    let set = SetName(rawValue: error.error.subject)
                    let index = error.owner ?? part.firstIndex { $0.set == set && !$0.isRemoval } ?? 0
                    part = withoutNewElements(of: set, from: index, in: part, error.error, &results)
                case .overlap where error.owner != nil && refusals < NFTables.refusalsPerTransaction:
                    guard let index = error.owner, part.indices.contains(index) else {
                        return failAll(part, error.error, &results)
                    }
                    fail(part.remove(at: index), error.error, &results)
                case .notPermitted, .noRoom: return failAll(part, error.error, &results)
                default:
                    _ = failAll(part, error.error, &results)
                    return nil
                }
                if refusals > NFTables.refusalsPerTransaction { return failAll(part, error.error, &results) }
            }
        }
        return nil
    }

    /// What is left of `part` when `set` is full at `index`: from there on only elements that stand in it already.
    private func withoutNewElements(
        of set: SetName?, from index: Int, in part: [Step], _ error: FirewallError, _ results: inout [ChangeResult]
    ) -> [Step] {
        let late = part.indices.filter { $0 >= index && part[$0].set == set && !part[$0].isRemoval }
        let there = Set(
            ((try? elements(for: late.map { part[$0].prefix }, in: set?.place ?? .banned)) ?? []).map(\.prefix))
        let refused = Set(late.filter { !there.contains(part[$0].prefix) })
        // Without this the same transaction would be refused for ever.
        if refused.isEmpty {
            _ = failAll(part, error, &results)
            return []
        }
        for index in refused { fail(part[index], error, &results) }
        return part.indices.filter { !refused.contains($0) }.map { part[$0] }
    }

    private func fail(_ step: Step, _ error: FirewallError, _ results: inout [ChangeResult]) {
        guard let change = step.change else { return }
        results[change].outcome = .failed
        results[change].error = error
    }

    private func failAll(_ part: [Step], _ error: FirewallError, _ results: inout [ChangeResult]) -> FirewallError {
        for step in part { fail(step, error, &results) }
        return error
    }

    private func write(_ part: [Step]) {
        for isRemoval in [true, false] {
            for set in SetName.adopted {
                let indices = part.indices.filter { part[$0].set == set && part[$0].isRemoval == isRemoval }
                guard !indices.isEmpty else { continue }
                func entries(_ indices: [Int]) -> [ElementEntry] {
                    indices.map {
                        ElementEntry(
                            prefix: part[$0].prefix, timeoutMilliseconds: part[$0].timeoutMilliseconds, owner: $0)
                    }
                }
                let renewed = entries(indices.filter { part[$0].isRenewal })
                ElementWire.write(NFT_MSG_NEWSETELEM, "add", entries(indices), set: set, to: batch)
                ElementWire.write(NFT_MSG_DELSETELEM, "delete", renewed, set: set, to: batch)
                if !isRemoval { ElementWire.write(NFT_MSG_NEWSETELEM, "add", renewed, set: set, to: batch) }
            }
        }
    }
}

/// One prefix into or out of one set.
private struct Step {
    let set: SetName
    let prefix: Prefix
    let isRemoval: Bool
    /// Whether it may stand there already, with another end.
    let isRenewal: Bool
    let timeoutMilliseconds: UInt64?
    /// The change it is part of; `nil` when it came about by the end of another.
    var change: Int?

    init(adding prefix: Prefix, to set: SetName, _ timeout: Duration, isRenewal: Bool = true, change: Int?) {
        self.set = set
        self.prefix = prefix
        isRemoval = false
        self.isRenewal = isRenewal
        timeoutMilliseconds = ElementWire.timeoutMilliseconds(timeout)
        self.change = change
    }

    init(removing prefix: Prefix, from set: SetName, change: Int?) {
        self.set = set
        self.prefix = prefix
        isRemoval = true
        isRenewal = true
        timeoutMilliseconds = nil
        self.change = change
    }
}

extension FirewallChange {
    var place: Element.Place {
        switch self {
        case .ban, .newBan, .unban: .banned
        case .remember, .forget: .known
        }
    }
    var isAddition: Bool {
        switch self {
        case .ban, .newBan, .remember: true
        case .unban, .forget: false
        }
    }
    struct Subject: Hashable {
        let place: Element.Place
        let prefix: Prefix
    }
    var subject: Subject { Subject(place: place, prefix: prefix) }
}
