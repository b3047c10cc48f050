import Glibc
import Posix

/// How far a long reading is: a line on standard error that is overwritten and gone at the end. Only on a terminal.
struct Progress {
    private let isShown: Bool
    private var next = 0
    private var shownAt: Int64 = 0
    /// Asking the clock for every line would take longer than reading the line.
    private static let stride = 20_000
    private static let pause: Int64 = 200_000_000

    init(isWanted: Bool) {
        isShown = isWanted && isatty(STDERR_FILENO) == 1
        next = isShown ? Progress.stride : Int.max
        shownAt = isShown ? MonotonicClock.nanoseconds() : 0
    }

    /// - Parameter share: of what there is to read, 0 to 1; `nil` when that is not known.
    mutating func note(_ lines: Int, _ share: () -> Double?) {
        guard lines >= next else { return }
        next = lines + Progress.stride
        let now = MonotonicClock.nanoseconds()
        guard now - shownAt >= Progress.pause else { return }
        shownAt = now
        var text = "\r\u{1b}[K"
        if let share = share() {
            let percent = Int((min(1, max(0, share)) * 100).rounded(.down))
            let filled = percent / 4
            text +=
                "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: 25 - filled)
                + "] \(percent) %, "
        }
        Terminal.write(text + "\(grouped(lines)) lines", to: STDERR_FILENO)
        hasShown = true
    }

    private var hasShown = false

    mutating func end() {
        if hasShown { Terminal.write("\r\u{1b}[K", to: STDERR_FILENO) }
        hasShown = false
    }
}
