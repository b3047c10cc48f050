import Glibc
import Posix
import Synchronization

/// The terminal as a screen of its own: alternate buffer, no echo, keys as they are typed (termios(3), ECMA-48).
///
/// Whatever way the program ends, but for SIGKILL, the terminal is as it was: `exit` runs `restore`, too.
enum Screen {
    struct Size: Equatable {
        var columns: Int
        var rows: Int
    }

    /// How the terminal was, while it is ours.
    private static let saved = Mutex<termios?>(nil)
    private static let atExit = Mutex(false)

    /// Throws when standard input is no terminal.
    static func take() throws(SystemError) {
        var attributes = termios()
        guard tcgetattr(STDIN_FILENO, &attributes) == 0 else { throw SystemError("tcgetattr", "standard input") }
        saved.withLock { [attributes] in $0 = attributes }
        let isFirst = atExit.withLock { isSet in
            defer { isSet = true }
            return !isSet
        }
        if isFirst { atexit { Screen.restore() } }
        // Signals of the keyboard come as bytes, so that they end us in order.
        attributes.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        attributes.c_iflag &= ~tcflag_t(IXON | ICRNL)
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &attributes) == 0 else {
            throw SystemError("tcsetattr", "standard input")
        }
        Terminal.write("\u{1b}[?1049h\u{1b}[?25l\u{1b}[2J", to: STDOUT_FILENO)
    }

    /// Gives the terminal back; without effect when it is not ours.
    static func restore() {
        let attributes = saved.withLock { value in
            defer { value = nil }
            return value
        }
        guard var attributes else { return }
        // Not by Terminal.write, which ends the program when a terminal has gone.
        let text = "\u{1b}[?25h\u{1b}[?1049l"
        _ = text.withCString { Glibc.write(STDOUT_FILENO, $0, strlen($0)) }
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &attributes)
    }

    /// 80 by 24 where the terminal does not say.
    static var size: Size {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
            return Size(columns: 80, rows: 24)
        }
        return Size(columns: Int(window.ws_col), rows: Int(window.ws_row))
    }

    /// Puts the lines on the screen, in one write; they fit.
    static func show(_ lines: [String]) {
        Terminal.write("\u{1b}[H" + lines.joined(separator: "\u{1b}[K\r\n") + "\u{1b}[K\u{1b}[J", to: STDOUT_FILENO)
    }

    /// Whether the locale's characters are UTF-8; else everything is ASCII.
    static var isUnicode: Bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(environment).first { !$0.isEmpty } ?? ""
        let name = locale.lowercased()
        return name.contains("utf-8") || name.contains("utf8")
    }
}

/// What was typed.
enum Key: Equatable {
    case character(Character)
    case up, down, pageUp, pageDown, tab, enter, escape, interrupt, suspend

    /// The keys that a read gave: single bytes, and the sequences of cursor keys. Others are left out.
    static func read(_ bytes: some Collection<UInt8>) -> [Key] {
        var keys: [Key] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x03: keys.append(.interrupt)
            case 0x1a: keys.append(.suspend)
            case 0x09: keys.append(.tab)
            case 0x0a, 0x0d: keys.append(.enter)
            case 0x1b:
                guard let next = rest.first, next == UInt8(ascii: "[") || next == UInt8(ascii: "O") else {
                    keys.append(.escape)
                    continue
                }
                rest.removeFirst()
                var parameters: [UInt8] = []
                while let digit = rest.first, (0x20...0x3f).contains(digit) {
                    parameters.append(digit)
                    rest.removeFirst()
                }
                switch (rest.popFirst(), parameters) {
                case (UInt8(ascii: "A"), _): keys.append(.up)
                case (UInt8(ascii: "B"), _): keys.append(.down)
                case (UInt8(ascii: "~"), [UInt8(ascii: "5")]): keys.append(.pageUp)
                case (UInt8(ascii: "~"), [UInt8(ascii: "6")]): keys.append(.pageDown)
                default: break
                }
            case 0x20...0x7e: keys.append(.character(Character(UnicodeScalar(byte))))
            default: break
            }
        }
        return keys
    }
}
