import Bytes
import Events

/// The rejections that were read last, so that each counts once: with syslog_duplication, which is the default, Exim's
/// syslog has an entry for the main log and the same one for the reject log.
///
/// Both are one process's, so a place by the last bits of its pid is enough, and they are the same byte for byte: what
/// a client could make alike without being the same would hide one rejection behind another. 130 kB in all.
struct EximRepeats: Sendable {
    private static let places = 64
    private static let longestText = 2048
    /// A pid comes back after a while.
    private static let longestAge = Duration.seconds(60)

    /// Pid and text's length; no entry is empty. Nothing is set aside before the first rejection: a log's host may have
    /// no Exim.
    private var keys: [UInt64] = []
    /// Of each, from the multiple of `longestText` on.
    private var texts: [UInt8] = []
    private var heard: [Instant] = []

    /// Whether the entry `range` was heard before; from now on it was. Longer ones than are remembered never were.
    mutating func hasHeard(_ bytes: Span<UInt8>, _ range: Range<Int>, of pid: Int32?, at now: Instant) -> Bool {
        guard range.count <= EximRepeats.longestText else { return false }
        if keys.isEmpty {
            keys = [UInt64](repeating: 0, count: EximRepeats.places)
            texts = [UInt8](repeating: 0, count: EximRepeats.places * EximRepeats.longestText)
            heard = [Instant](repeating: .distantPast, count: EximRepeats.places)
        }
        let process = UInt32(bitPattern: pid ?? 0)
        let key = UInt64(process) << 32 | UInt64(range.count)
        let place = Int(process) & (EximRepeats.places - 1)
        let start = place * EximRepeats.longestText
        if keys[place] == key, bytes.hasBytes(range.count, of: texts.span, from: start, at: range.lowerBound),
            now - heard[place] <= EximRepeats.longestAge
        {
            return true
        }
        keys[place] = key
        heard[place] = now
        texts.withUnsafeMutableBytes { kept in
            bytes.extracting(range).withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: kept[start..<(start + range.count)]).copyBytes(from: $0)
            }
        }
        return false
    }
}
