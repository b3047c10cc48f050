import Posix

/// Somewhere that log lines come from: a file that is followed, the journal, a syslog socket, standard input.
///
/// For one thread. Lines are handed over in the order in which they were written, each once, as far as the kind of
/// stream can tell; what it cannot is counted.
package protocol LogStream: AnyObject {
    /// As the configuration names it; the store keeps the position under this name.
    var name: String { get }
    /// For the event loop: readable when there may be something to read. `nil` once nothing will come any more, or
    /// where the kernel cannot tell: then `poll` finds it.
    var descriptor: Int32? { get }
    var counters: LogCounters { get }
    /// Why nothing comes at the moment, or not all of it; `nil` when all is well.
    var problem: LogProblem? { get }
    /// How far lines have been handed over, as one line of text for the next start; `nil` where nothing can be read
    /// again. Ask between calls of `readAvailable`, not within.
    var positionText: String? { get }

    /// Hands over the lines that are there, about `maxBytes` at most; a line's bytes are valid within `body`. Returns
    /// whether more is waiting. After an error a later call tries again.
    func readAvailable(maxBytes: Int, _ body: (Span<UInt8>, LineInfo) -> Void) throws(SystemError) -> Bool
    /// How long after a line was written the descriptor may come to tell of it.
    var newsDelay: Duration { get }
    /// For what no event told of, once in a while. Returns whether `readAvailable` should be called.
    func poll() -> Bool
}

extension LogStream {
    package var newsDelay: Duration { .zero }
}

extension LogFollower: LogStream {
    package var name: String { path }
    package var positionText: String? { position.record.description }
}

/// Why no log is being read at the moment.
package struct LogProblem: Error, Equatable, CustomStringConvertible {
    package let text: String
    /// What to do about it, where the text does not say.
    package let remedy: String?

    init(description text: String, remedy: String? = nil) {
        self.text = text
        self.remedy = remedy
    }

    package var description: String { text + (remedy.map { " -> \($0)" } ?? "") }
}
