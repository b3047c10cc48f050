import Addresses
import Events

// A wave as a line of text, as it stands in the store and travels over the control socket: `wave number=3 begin=...`.

extension Wave {
    package var record: Record {
        var record = Record("wave")
        record.add("number", number)
        record.add("begin", begin.nanoseconds)
        record.add("end", end?.nanoseconds)
        record.add("last", last.nanoseconds)
        if isCutOff { record.add("cut_off", "yes") }
        record.add("high", marks.high)
        record.add("low", marks.low)
        record.add("normal", normal)
        record.add("limit", limit)
        record.add("peak", peak)
        record.add("peak_at", peakAt.nanoseconds)
        record.add("peak_demand", peakDemand)
        record.add("peak_connections", peakConnections)
        record.add("samples", samples)
        record.add("slot_ms", slotMilliseconds)
        record.add("saved_slot_ms", savedSlotMilliseconds)
        record.add("at_limit_ms", atLimit.milliseconds)
        record.add("new", new)
        record.add("jumps", Wave.list(jumps.map { "\($0.time.nanoseconds):\($0.rise)" }))
        record.add("rejections", counts.rejections)
        record.add("deferrals", counts.deferrals)
        record.add("acceptances", counts.acceptances)
        record.add("saturations", counts.saturations)
        let classes = counts.classes.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        record.add("classes", Wave.list(classes.map { "\($0.key.rawValue):\($0.value)" }))
        record.add("sources", counts.sources)
        record.add("networks", counts.networks)
        record.add("worst", Wave.list(counts.worst.map { "\($0.network.description)=\($0.rejections)" }))
        if counts.isEstimate { record.add("estimate", "yes") }
        record.add("bans", counts.bans)
        record.add("sheds", counts.sheds)
        record.add("told", counts.told)
        record.add("observed", counts.observed)
        record.add("good_accepted", counts.good.accepted)
        record.add("good_delayed", counts.good.delayed)
        record.add("good_turned_away", counts.good.turnedAway)
        record.add("good_longest_delay_ms", counts.good.longestDelay.milliseconds)
        record.add("good_banned", counts.good.banned)
        return record
    }

    private static func list(_ parts: [String]) -> String? { parts.isEmpty ? nil : parts.joined(separator: ",") }

    /// So that figures can be made of whatever a store says; 278 years of milliseconds are an `Instant`'s still.
    private static func clamped(_ value: Int) -> Int { min(max(0, value), 1 << 43) }

    /// Reads `record` back; fields that are missing are 0, so that a later one's record is read as well.
    package init?(_ record: Record) {
        func integer(_ key: String) -> Int? { record[key].flatMap { Int($0) }.map(Wave.clamped) }
        func count(_ key: String) -> Int { integer(key) ?? 0 }
        func instant(_ key: String) -> Instant? { record[key].flatMap { Int64($0) }.map(Instant.init(nanoseconds:)) }
        func parts(_ key: String, _ separator: Character) -> [(Substring, Int)] {
            (record[key] ?? "").split(separator: ",").compactMap { part in
                guard let place = part.lastIndex(of: separator), let value = Int(part[part.index(after: place)...])
                else { return nil }
                return (part[..<place], Wave.clamped(value))
            }
        }
        guard record.word == "wave", let number = integer("number"), let begin = instant("begin"),
            let high = integer("high"), let low = integer("low")
        else { return nil }
        self.init(
            number: number, begin: begin, marks: WaterMarks(high: high, low: low), normal: integer("normal"),
            limit: integer("limit"))
        end = instant("end")
        last = instant("last") ?? begin
        isCutOff = record["cut_off"] == "yes"
        peak = count("peak")
        peakAt = instant("peak_at") ?? begin
        peakDemand = count("peak_demand")
        peakConnections = count("peak_connections")
        samples = count("samples")
        slotMilliseconds = Int64(count("slot_ms"))
        savedSlotMilliseconds = Int64(count("saved_slot_ms"))
        atLimit = .milliseconds(count("at_limit_ms"))
        new = count("new")
        jumps = parts("jumps", ":").compactMap { time, rise in
            Int64(time).map { Jump(time: Instant(nanoseconds: $0), rise: rise) }
        }
        counts.rejections = count("rejections")
        counts.deferrals = count("deferrals")
        counts.acceptances = count("acceptances")
        counts.saturations = count("saturations")
        for (name, value) in parts("classes", ":") {
            if let key = RejectionClass(rawValue: String(name)) { counts.classes[key] = value }
        }
        counts.sources = count("sources")
        counts.networks = count("networks")
        counts.worst = parts("worst", "=").compactMap { name, value in
            (try? Prefix(parsing: String(name))).map { WaveCounts.Share(network: $0, rejections: value) }
        }
        counts.isEstimate = record["estimate"] == "yes"
        counts.bans = count("bans")
        counts.sheds = count("sheds")
        counts.told = count("told")
        counts.observed = count("observed")
        counts.good.accepted = count("good_accepted")
        counts.good.delayed = count("good_delayed")
        counts.good.turnedAway = count("good_turned_away")
        counts.good.longestDelay = .milliseconds(count("good_longest_delay_ms"))
        counts.good.banned = count("good_banned")
    }
}
