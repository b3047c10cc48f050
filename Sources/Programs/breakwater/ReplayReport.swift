import Addresses
import Events
import Policy

/// What a replay tells: a sentence about one policy, a table of several.
extension ReplayRun {
    private static let mostNames = 50
    private var main: Trial { trials[min(plan.main, trials.count - 1)] }

    var report: [String] { trials.count == 1 ? sentence : comparison }

    private var counts: String {
        "\(StatusAnswer.age(span)), \(grouped(lines)) lines, \(grouped(unread)) unread"
            + (late > 0 ? ", \(grouped(late)) events more than a minute out of order" : "")
    }

    private var sentence: [String] {
        let (effect, slots, touched) = (main.effect, main.slots, main.touched)
        var text =
            counts + "; would ban \(grouped(effect.sources)) sources \(grouped(effect.bans)) times, "
            + "turn away \(grouped(slots.refused)) connections and end \(grouped(slots.ended)); "
            + "slot-seconds of rejected connections at most \(grouped(slots.secondsBefore)) -> \(grouped(slots.secondsAfter)), "
            + "peak \(grouped(slots.peakBefore)) -> \(grouped(slots.peakAfter))"
        text += main.networks.clause
        text +=
            touched.isEmpty
            ? "; none of them sent accepted mail" : "; \(touched.count) of them also sent accepted mail:"
        return [text]
            + ReplayRun.listed(
                touched.map { sender in "  \(sender.prefix.shortDescription)  \(accepted(sender.messages))" })
            + main.networks.lines + partial + [model]
    }

    private var model: String {
        let held = holds.map { "\($0.hold.nanoseconds / 1_000_000_000) s (\($0.mta.rawValue))" }
        let end =
            held.isEmpty ? "" : ", an end that it does not show \(held.joined(separator: ", ")) after the rejection"
        return "A model: connections as far as the log shows them\(end)."
    }

    /// How long each mail server was taken to hold a rejected connection.
    private var holds: [(mta: MTA, hold: Duration)] {
        rejecting.sorted { $0.rawValue < $1.rawValue }.map { ($0, hold ?? $0.usualHold) }
    }

    private var comparison: [String] {
        let slots = trials.map(\.slots)
        let touched = trials.map(\.touched)
        var rows = [["", "as it was"] + trials.map(\.name)]
        func add(_ title: String, before: Int? = nil, _ values: [Int]) {
            rows.append([title, before.map(grouped) ?? "-"] + values.map(grouped))
        }
        add("bans", trials.map(\.effect.bans))
        add("sources banned", trials.map(\.effect.sources))
        if trials.contains(where: { $0.effect.networks > 0 }) { add("networks banned", trials.map(\.effect.networks)) }
        add("connections turned away", slots.map(\.refused))
        add("connections ended", slots.map(\.ended))
        add("slot-seconds of rejected ones", before: slots.first?.secondsBefore, slots.map(\.secondsAfter))
        add("slots they hold, peak", before: slots.first?.peakBefore, slots.map(\.peakAfter))
        add("known senders touched", touched.map(\.count))
        return [counts, ""] + table(rows, rightAligned: Set(1..<(trials.count + 2))) + [""] + names(touched) + partial
            + [model]
    }

    /// Which of them by which policy.
    private func names(_ touched: [[(prefix: Prefix, messages: Int)]]) -> [String] {
        var found: [Prefix: (messages: Int, by: [Int])] = [:]
        for (index, senders) in touched.enumerated() {
            for sender in senders {
                found[sender.prefix, default: (sender.messages, [])].by.append(index)
            }
        }
        if found.isEmpty { return [] }
        let rows = found.sorted { $0.key < $1.key }.map { prefix, entry in
            [
                "  " + prefix.shortDescription, accepted(entry.messages),
                entry.by.count == trials.count ? "by all" : entry.by.map { trials[$0].name }.joined(separator: ", "),
            ]
        }
        return ["known senders touched:"] + ReplayRun.listed(table(rows)) + [""]
    }

    private func accepted(_ messages: Int) -> String {
        "\(grouped(messages)) message\(messages == 1 ? "" : "s") accepted"
    }

    private static func listed(_ lines: [String]) -> [String] {
        lines.prefix(mostNames)
            + (lines.count > mostNames ? ["  ... and \(lines.count - mostNames) more (--json lists all)"] : [])
    }

    private var partial: [String] {
        trials.contains { $0.effect.isPartial }
            ? ["More sources or senders than can be remembered: the figures are lower bounds."] : []
    }

    var json: JSON {
        let head = [("lines", JSON(lines)), ("unread", JSON(unread)), ("seconds", seconds(span))]
        let held = holds.map { JSON.object([("mta", .string($0.mta.rawValue)), ("hold_s", seconds($0.hold))]) }
        let longest = hold ?? rejecting.map(\.usualHold).max()
        let tail = [("late", JSON(late)), ("hold_s", longest.map(seconds) ?? .null), ("holds", JSON.array(held))]
        let policies = [("policies", JSON.array(trials.map { .object([("name", .string($0.name))] + $0.json) }))]
        return .document("replay", head + main.json + tail + policies)
    }

    private func seconds(_ span: Duration) -> JSON { .integer(span.nanoseconds / 1_000_000_000) }
}

extension Trial {
    fileprivate var json: [(String, JSON)] {
        let slots = self.slots
        return [
            ("bans", JSON(effect.bans)), ("sheds", JSON(slots.ended)),
            ("slot_seconds_before", JSON(slots.secondsBefore)),
            ("slot_seconds_after", JSON(slots.secondsAfter)), ("peak_before", JSON(slots.peakBefore)),
            ("peak_after", JSON(slots.peakAfter)),
            ("also_accepted", .array(touched.map { .string($0.prefix.description) })),
            ("sources", JSON(effect.sources)), ("networks", networks.json),
            ("elements_most", JSON(networks.mostElements)), ("refused", JSON(slots.refused)),
            ("rejected_connections", JSON(slots.connections)), ("partial", .bool(effect.isPartial)),
        ]
    }
}
