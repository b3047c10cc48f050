import Archives
import ControlProtocol
import Dialects
import Events
import Glibc
import LocationData
import LogIntake
import Posix
import Reports
import Store

/// Counts old logs into the history. What has been counted of a file, by us or by the daemon, is left out, whatever the
/// file is called now and however it is packed; so an import that was ended goes on, and a second one changes nothing.
struct LogImport {
    /// `nil` when there is none and none is to be made.
    private let history: History?
    private let locations: LocationDatabases
    private let offsetSeconds: @Sendable (Instant) -> Int
    private(set) var counted = 0
    private(set) var known = 0
    /// Events from before what is kept.
    private(set) var tooOld = 0
    private let oldest = LocalTime.now - .days(Int64(History.kept))
    /// Bytes of a log between two additions to the history.
    private static let bytesPerAddition: Int64 = 64 << 20

    init(
        _ history: History?, _ locations: LocationDatabases,
        offsetSeconds: @escaping @Sendable (Instant) -> Int = { LocalTime.offsetSeconds(at: $0) }
    ) {
        self.history = history
        self.locations = locations
        self.offsetSeconds = offsetSeconds
    }

    /// Reads one log to its end. What was read before an error is counted.
    mutating func read(_ name: String, with reader: inout LogReader, isDryRun: Bool) throws {
        guard name != "-" else {
            throw Failure(
                ExitStatus.usage, "import --log: what comes by standard input cannot be known again; name a file")
        }
        let descriptor: Descriptor
        do throws(SystemError) { descriptor = try StateOwner.openLog(name) } catch {
            throw Failure(reading: name, error)
        }
        var status = stat()
        fstat(descriptor.number, &status)
        let packed = PackedInput(descriptor, named: name)
        var head: [UInt8] = []
        let log = WholeLog { buffer in
            let count = try packed.read(into: buffer)
            head.append(contentsOf: buffer.prefix(min(count, Fingerprint.longest - head.count)))
            return count
        }
        var stretch = Stretch(tally: Tally(offsetSeconds: offsetSeconds))
        var clock = LogClock(reference: Instant(seconds: Int64(status.st_mtim.tv_sec)))
        var event = Event()
        var done: [Range<Int64>]?
        var failure: (any Error)?
        // The first piece is looked at twice: how the log begins says what is known of it.
        var held: [(line: [UInt8], isCut: Bool)] = []
        let before = events
        func hear(_ bytes: Span<UInt8>, isCut: Bool) {
            let start = stretch.offset
            stretch.offset += Int64(bytes.count) + 1
            guard !isCut, reader.read(bytes, into: &event) else { return }
            let read = clock.time(of: reader.header, in: bytes)
            let time = read == .distantPast ? clock.reference : read
            guard time >= oldest else {
                tooOld += 1
                return
            }
            if done?.contains(where: { $0.contains(start) }) == true {
                known += 1
            } else {
                counted += 1
                stretch.tally.add(event, at: time, header: reader.header, in: bytes)
            }
        }
        var isMore = true
        while isMore {
            do {
                isMore = try log.readPiece { bytes, info in
                    // A last line without its end may be half of one.
                    if info.isUnfinished { return }
                    if done == nil {
                        held.append((bytes.withUnsafeBufferPointer(Array.init), info.isCut))
                    } else {
                        hear(bytes, isCut: info.isCut)
                    }
                }
            } catch {
                failure = error
                isMore = false
            }
            if done == nil, head.count == Fingerprint.longest || !isMore {
                done = try known(of: head)
                for line in held { hear(line.line.span, isCut: line.isCut) }
                held = []
            }
            // A line longer than the bound was handed over cut: from here on offsets are right again.
            stretch.offset = held.isEmpty ? log.lineEnd : stretch.offset
            // A file of which nothing was understood is not counted: it may be once the setting is right.
            if !isDryRun, events > before, !isMore || stretch.offset - stretch.begin >= LogImport.bytesPerAddition {
                try write(&stretch, Fingerprint(head))
            }
        }
        if let error = failure as? SystemError {
            throw Failure(reading: name, error)
        }
        if let error = failure as? UnpackError {
            throw Failure(ExitStatus.noInput, "\(shown(name)): \(error); what could be read of it counts")
        }
        guard events > before else {
            throw Failure(
                ExitStatus.no,
                "\(shown(name)): not one line of a mail server's, so it does not count as read; is [mta] kind right? "
                    + "breakwater parse shows what is read")
        }
    }

    private var events: Int { counted + known + tooOld }

    /// What was counted since the last addition, and from where to where.
    private struct Stretch {
        var tally: Tally
        var begin: Int64 = 0
        var offset: Int64 = 0
    }

    private static let merge: History.Merge = { key, older, newer in
        Tally.Key.Span(rawValue: key.span).flatMap { Tally.merged(Tally.Key($0, key.number, key.host), older, newer) }
    }

    static let thin: History.Thin = { key, bytes in
        Tally.Key.Span(rawValue: key.span).flatMap { Tally.thinned(Tally.Key($0, key.number, key.host), bytes) }
    }

    /// Days of old logs are made as small as days become with time.
    func finish() throws {
        do throws(StoreError) {
            try history?.expire(today: Int(LocalTime.now.seconds / 86400), thinning: LogImport.thin)
        } catch { throw Failure(74, "\(error)") }
    }

    private func known(of head: [UInt8]) throws -> [Range<Int64>] {
        do throws(StoreError) { return try history?.counted(ofLogBeginning: head) ?? [] } catch {
            throw Failure(74, "\(error)")
        }
    }

    private func write(_ stretch: inout Stretch, _ fingerprint: Fingerprint) throws {
        if !locations.isEmpty {
            stretch.tally.locate(credits: locations.credits.map(\.description)) { locations.origin(of: $0) }
        }
        let counts = stretch.tally.pieces.map { piece in
            let key = History.Key(span: piece.key.span.rawValue, number: piece.key.number, host: piece.key.host)
            return (key, piece.bytes)
        }
        let part = History.Part(
            length: fingerprint.length, hash: fingerprint.hash, bytes: stretch.begin..<stretch.offset)
        do throws(StoreError) {
            try history?.add(History.Addition(counts: counts, parts: [part]), merging: LogImport.merge)
        } catch { throw Failure(74, "\(error)") }
        stretch = Stretch(tally: Tally(offsetSeconds: offsetSeconds), begin: stretch.offset, offset: stretch.offset)
    }
}
