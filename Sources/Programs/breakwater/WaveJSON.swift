import Events
import Waves

/// A wave as JSON, whoever tells of it.
extension WaveReport {
    var json: JSON {
        let counts = wave.counts
        let good = counts.good
        let classes = counts.classes.sorted { $0.key.rawValue < $1.key.rawValue }.map {
            ($0.key.rawValue, JSON($0.value))
        }
        func seconds(_ milliseconds: Int64) -> JSON { .number(Double(milliseconds) / 1000) }
        return .object([
            ("number", JSON(wave.number)), ("begin", .string(wave.begin.rfc3339)), ("end", JSON(wave.end?.rfc3339)),
            ("cut_off", .bool(wave.isCutOff)), ("seconds", seconds(wave.span.milliseconds)),
            ("peak", JSON(wave.peak)), ("peak_at", .string(wave.peakAt.rfc3339)),
            ("peak_at_least", .bool(wave.isAtLeast)), ("peak_demand", JSON(wave.peakDemand)),
            ("peak_connections", JSON(wave.peakConnections)), ("limit", JSON(wave.limit)),
            ("normal", JSON(wave.normal)), ("high", JSON(wave.marks.high)), ("low", JSON(wave.marks.low)),
            ("at_limit_s", seconds(wave.atLimit.milliseconds)), ("samples", JSON(wave.samples)),
            ("new", JSON(wave.new)),
            (
                "jumps",
                .array(wave.jumps.map { .object([("t", .string($0.time.rfc3339)), ("rise", JSON($0.rise))]) })
            ),
            ("sources", JSON(counts.sources)), ("networks", JSON(counts.networks)),
            ("is_estimate", .bool(counts.isEstimate)),
            (
                "worst_networks",
                .array(
                    counts.worst.map {
                        .object([("net", .string($0.network.description)), ("rejections", JSON($0.rejections))])
                    })
            ),
            ("rejections", JSON(counts.rejections)), ("classes", .object(classes)),
            ("deferrals", JSON(counts.deferrals)),
            ("acceptances", JSON(counts.acceptances)), ("saturations", JSON(counts.saturations)),
            ("bans", JSON(counts.bans)), ("sheds", JSON(counts.sheds)), ("told", JSON(counts.told)),
            ("observed", JSON(counts.observed)),
            ("slot_seconds", seconds(wave.slotMilliseconds)),
            ("slot_seconds_saved", seconds(wave.savedSlotMilliseconds)),
            (
                "good",
                .object([
                    ("accepted", JSON(good.accepted)), ("delayed", JSON(good.delayed)),
                    ("turned_away", JSON(good.turnedAway)), ("banned", JSON(good.banned)),
                    ("longest_delay_s", seconds(good.longestDelay.milliseconds)),
                ])
            ),
            (
                "slots",
                .array(samples.map { .object([("t", .string($0.time.rfc3339)), ("slots", JSON($0.slots))]) })
            ),
            (
                "marks",
                .array(
                    marks.map {
                        .object([
                            ("t", .string($0.time.rfc3339)), ("kind", .string($0.kind.rawValue)),
                            ("count", JSON($0.count)),
                        ])
                    })
            ),
            ("countries", origins.map { .array($0.countryJSON) } ?? .null),
            ("systems", origins.map { .array($0.systemJSON) } ?? .null),
            ("credits", .array((origins?.credits ?? []).map { .string($0) })),
            ("notes", .array(notes.map { .string($0) })),
        ])
    }
}
