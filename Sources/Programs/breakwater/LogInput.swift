import Archives
import Configuration
import ControlProtocol
import Events
import Glibc
import LogIntake
import MailServer
import Posix

/// One log that a verb reads from its begin to its end: a file, packed or not, standard input, or the journal.
final class LogInput {
    let name: String
    /// Nothing in it can be from a later time.
    let reference: Instant
    private let readOn: ((Span<UInt8>, LineInfo) -> Void) throws -> Bool
    private let packed: PackedInput?
    /// Of the file in bytes; `nil` of what has no end known beforehand.
    private let size: Int?

    /// - Parameter name: a path, `-`, or `journal` as in the configuration where no file has that name.
    init(_ name: String) throws {
        self.name = name
        var status = stat()
        let isFile = name != "-" && stat(name, &status) == 0
        reference = isFile ? Instant(seconds: Int64(status.st_mtim.tv_sec)) : LocalTime.now
        if !isFile, name == "journal" || name.hasPrefix("journal:") {
            readOn = try LogInput.journal(name)
            (packed, size) = (nil, nil)
            return
        }
        do throws(SystemError) {
            let descriptor =
                name == "-"
                ? try Descriptor("dup", "standard input", dup(STDIN_FILENO))
                : try Descriptor.open(name, O_RDONLY | O_NOCTTY)
            let packed = PackedInput(descriptor, named: name)
            self.packed = packed
            size = isFile && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
            let log = WholeLog { try packed.read(into: $0) }
            readOn = { try log.readPiece($0) }
        } catch { throw Failure(reading: name, error) }
    }

    /// How much of several has been read; `nil` when that of one is not known.
    static func share(of inputs: [LogInput]) -> Double? {
        var (read, all) = (0, 0)
        for input in inputs {
            guard let packed = input.packed, let size = input.size else { return nil }
            read += packed.bytesRead
            all += size
        }
        return all > 0 ? Double(read) / Double(all) : nil
    }

    private static func journal(_ name: String) throws -> ((Span<UInt8>, LineInfo) -> Void) throws -> Bool {
        let names = name.dropFirst("journal:".count).split(separator: ",").map(String.init)
        do throws(LogProblem) {
            let journal = try JournalStream(names, start: .beginning)
            if let problem = journal.problem { throw problem }
            return { body in
                let before = journal.counters.lines &+ journal.counters.untrusted
                let isMore = try journal.readAvailable(maxBytes: 1 << 18, body)
                return isMore || journal.counters.lines &+ journal.counters.untrusted != before
            }
        } catch { throw Failure(ExitStatus.noInput, error.description) }
    }

    /// Hands over the lines of the next piece; false at the end. What was read before an error stays good.
    func readPiece(_ body: (Span<UInt8>, LineInfo) -> Void) throws -> Bool {
        do { return try readOn(body) } catch let error as SystemError {
            throw Failure(reading: name, error)
        } catch let error as UnpackError {
            throw Failure(ExitStatus.noInput, "\(shown(name)): \(error); what could be read of it counts")
        }
    }

    /// The logs that are configured, or those found.
    static func configured(_ settings: Settings) throws -> [String] {
        guard case .places(let places) = settings.mta.log else { return try found(settings) }
        let names = places.flatMap { place -> [String] in
            switch place {
            case .file(let path): return [path]
            case .pattern(let text):
                var pattern = PathPattern(text)
                return pattern.files().map(\.path)
            case .journal, .standardInput: return [place.description]
            case .syslog: return []
            }
        }
        let patterns = places.compactMap { place -> String? in
            if case .pattern(let text) = place { text } else { nil }
        }
        guard !names.isEmpty || patterns.isEmpty else {
            throw Failure(
                ExitStatus.noInput, "\(patterns.joined(separator: ", ")): no such file; set [mta] log")
        }
        guard !names.isEmpty else {
            throw Failure(
                ExitStatus.noInput, "mta.log names nothing that can be read again; name a file, or - for standard input"
            )
        }
        return names
    }

    private static func found(_ settings: Settings) throws -> [String] {
        let (names, usual) = MailLog.names(
            of: try listeningServers(settings).servers.filter { $0.fits(settings.mta.onlyKind) })
        guard usual?.exists ?? true else {
            throw Failure(
                ExitStatus.noInput,
                "no mail log found (looked for \(MailLog.usualPaths.joined(separator: ", ")) and the journal); "
                    + "set [mta] log")
        }
        return names
    }
}
