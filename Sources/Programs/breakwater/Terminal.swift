import CLinux
import ControlProtocol
import Events
import Glibc
import Posix

/// What is printed where: answers on stdout, diagnosis on stderr, both in one place so that a closed pipe or a full
/// disk ends the program with one line instead of a trap.
enum Terminal {
    static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    static func print(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    static func warn(_ text: String) { write("breakwater: " + text + "\n", to: STDERR_FILENO) }

    static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
                if count < 0 {
                    if errno == EINTR { continue }
                    // The reader has gone (`| head`): nothing is left to say.
                    if errno == EPIPE { exit(0) }
                    if descriptor != STDERR_FILENO { warn("standard output: \(errnoText(errno))") }
                    exit(74)
                }
                written += count
            }
        }
    }

    /// Asks on a terminal; nil when there is none to ask on.
    static func confirm(_ question: String) -> Bool? {
        guard isInputTerminal, isatty(STDERR_FILENO) == 1 else { return nil }
        write(question + " [y/N] ", to: STDERR_FILENO)
        let answer = readLine(strippingNewline: true) ?? ""
        return answer == "y" || answer == "Y" || answer == "yes"
    }
}

/// Colour for a terminal, never meaning by colour alone (https://no-color.org).
struct Style {
    enum Choice: String, CaseIterable { case auto, always, never }
    private let isOn: Bool

    init(_ choice: Choice) {
        switch choice {
        case .always: isOn = true
        case .never: isOn = false
        case .auto:
            let noColor = environment("NO_COLOR").map { !$0.isEmpty } ?? false
            isOn = Terminal.isOutputTerminal && !noColor && environment("TERM") != "dumb"
        }
    }

    func bold(_ text: String) -> String { isOn ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    /// Marked beside the text, too, where it matters.
    func reverse(_ text: String) -> String { isOn ? "\u{1b}[7m\(text)\u{1b}[0m" : text }
    func bad(_ text: String) -> String { isOn ? "\u{1b}[31m\(text)\u{1b}[0m" : text }
    func good(_ text: String) -> String { isOn ? "\u{1b}[32m\(text)\u{1b}[0m" : text }
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// Columns padded to their widest cell; numbers to the right. Cells are ASCII, as what comes from elsewhere is escaped.
func table(_ rows: [[String]], rightAligned: Set<Int> = []) -> [String] {
    var widths: [Int] = []
    for row in rows {
        for (column, cell) in row.enumerated() {
            if column == widths.count { widths.append(0) }
            widths[column] = max(widths[column], cell.utf8.count)
        }
    }
    let isRight = widths.indices.map(rightAligned.contains)
    // A list has tens of thousands of rows: bytes, and one array for all of them.
    var line: [UInt8] = []
    return rows.map { row in
        line.removeAll(keepingCapacity: true)
        for (column, cell) in row.enumerated() {
            if column > 0 { line.append(contentsOf: [0x20, 0x20]) }
            let fill = repeatElement(UInt8(0x20), count: widths[column] - cell.utf8.count)
            if isRight[column] { line.append(contentsOf: fill) }
            line.append(contentsOf: cell.utf8)
            if !isRight[column] { line.append(contentsOf: fill) }
        }
        while line.last == 0x20 { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }
}

/// `1,204`: thousands as people read them.
func grouped(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return value < 0 ? "-" + text : text
}
