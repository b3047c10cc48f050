import Addresses
import Events

/// Whether banning helped: how often the banned came before, and how often they still reached the server.
extension ReportBase {
    /// Attempts per minute of what was banned, in the hour before and after its first ban in the span.
    package var banEffect: Report.Section? {
        guard let bans = watched?.bans, !bans.isEmpty else { return nil }
        var effects: [Prefix: Effect] = [:]
        for ban in bans {
            let minute = tally.localMinute(ban.at)
            // Sources of IPv6 count by their /64.
            let prefix = Prefix(
                ban.prefix.address, bits: ban.prefix.isIPv4 ? Int(ban.prefix.bits) : min(64, Int(ban.prefix.bits)))
            if effects[prefix].map({ minute < $0.ban }) ?? true { effects[prefix] = Effect(ban: minute) }
        }
        let last = count(into: &effects)
        var section = Report.Section(
            "ban_effect", "Attempts per minute before and after a ban",
            columns: [
                Report.Column("network", "banned"), Report.Column("at", "first at"), Report.Column("before", "before"),
                Report.Column("after", "after"), Report.Column("attempts_before", "attempts before"),
                Report.Column("attempts_after", "attempts after"),
            ])
        let sorted = effects.sorted {
            $0.value.before != $1.value.before ? $0.value.before > $1.value.before : $0.key < $1.key
        }
        for (prefix, effect) in sorted.prefix(20) where effect.before + effect.after > 0 {
            section.rows.append([
                .text(prefix.shortDescription), .time(tally.instant(localSeconds: effect.ban * 60)),
                .number(effect.before / Double(effect.ban - effect.first + 1)),
                .number(effect.after / Double(max(1, min(60, last - effect.ban)))),
                .count(Int(effect.before.rounded())), .count(Int(effect.after.rounded())),
            ])
        }
        func sum(_ part: KeyPath<Effect, Double>) -> Report.Cell {
            .count(Int(effects.values.reduce(0) { $0 + $1[keyPath: part] }.rounded()))
        }
        section.rows.append([.text("total"), .none, .none, .none, sum(\.before), sum(\.after)])
        section.notes = [
            "\(Figures.grouped(effects.count)) hosts and networks. Before: from the first attempt within the hour "
                + "before the ban. After: what still reached the server within the hour after it, be it that the ban had "
                + "ended by then; what the firewall dropped is in no log.",
            "Times are kept to the minute: the attempts of a source are shared out evenly to the minutes in which it came.",
        ]
        return section
    }

    private struct Effect {
        /// Minutes by the local clock.
        var ban: Int64
        var first: Int64
        var before = 0.0
        var after = 0.0

        init(ban: Int64) {
            self.ban = ban
            first = ban
        }
    }

    /// The last minute in which anybody came.
    private func count(into effects: inout [Prefix: Effect]) -> Int64 {
        let lengths = Set(effects.keys.map(\.bits))
        let visitors = visitors
        let entries = visitors.entries
        let minutes = minutes
        var last: Int64 = 0
        var index = 0
        while index < minutes.count {
            let source = minutes[index] >> 32
            let start = index
            while index < minutes.count, minutes[index] >> 32 == source { index += 1 }
            last = max(last, Int64(minutes[index - 1] & 0xffff_ffff))
            let entry = entries[Int(source)]
            let share = Double(max(entry.counts.attempts, index - start)) / Double(index - start)
            for bits in lengths {
                let prefix = Prefix(entry.address, bits: Int(bits))
                guard var effect = effects[prefix] else { continue }
                for mark in minutes[start..<index] {
                    let minute = Int64(mark & 0xffff_ffff)
                    if minute >= effect.ban - 60, minute <= effect.ban {
                        effect.before += share
                        effect.first = min(effect.first, minute)
                    } else if minute > effect.ban, minute <= effect.ban + 60 {
                        effect.after += share
                    }
                }
                effects[prefix] = effect
            }
        }
        return last
    }
}
