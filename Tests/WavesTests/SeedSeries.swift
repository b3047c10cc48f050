import Events
import Foundation
import Waves

/// The series of Fixtures: what the detector's figures were first reckoned from.
enum SeedSeries: String, CaseIterable, Sendable {
    case untreated = "wave-2009-07-27-1912-part1-untreated"
    case twoHumps = "wave-2009-07-28-0830-part3-with-kill"
    case biggest = "wave-2009-07-28-1436-part3-with-kill-biggest"

    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    /// Their local time was CEST.
    static let offsetSeconds = 7200
    static let limit = 300

    func samples() throws -> [(time: Instant, count: Int)] {
        let text = try String(
            contentsOf: SeedSeries.directory.appendingPathComponent(rawValue + ".tsv"), encoding: .utf8)
        return text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: "\t")
            guard fields.count == 3, let second = Int64(fields[0]), let count = Int(fields[2]) else { return nil }
            return (Instant(seconds: second), count)
        }
    }

    /// The waves that a detector with these marks finds; the last one may be open.
    func waves(_ marks: WaterMarks) throws -> [Wave] {
        var detector = WaveDetector()
        var found: [Wave] = []
        for (number, sample) in try samples().enumerated() {
            let change = detector.add(
                WaveReading(at: sample.time, slots: sample.count), marks: marks, normal: nil,
                limit: SeedSeries.limit, number: number)
            if case .ended(let wave) = change { found.append(wave) }
        }
        return found + (detector.wave.map { [$0] } ?? [])
    }
}

/// `19:12:52`, in the local time of the series.
func clock(_ time: Instant) -> String {
    let civil = CivilTime(time, offsetSeconds: SeedSeries.offsetSeconds)
    return "\(padded(civil.hour, 2)):\(padded(civil.minute, 2)):\(padded(civil.second, 2))"
}

/// `19:12:52-open peak at least 301 at 19:17:24`: a wave as the table of figures has it.
func figures(_ wave: Wave) -> String {
    "\(clock(wave.begin))-\(wave.end.map { "\(clock($0)) \(Int(($0 - wave.begin).inSeconds)) s" } ?? "open") "
        + "peak \(wave.peakText) at \(clock(wave.peakAt))"
}
