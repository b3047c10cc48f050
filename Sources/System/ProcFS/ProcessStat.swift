/// What /proc/PID/stat says of a process (proc_pid_stat(5)), as far as it is used here.
///
/// The command name stands in parentheses and may hold anything, blanks and parentheses included, since a process
/// chooses it; so the fields are counted from the last `)` of the line.
package struct ProcessStat: Equatable, Sendable {
    package var pid: Int32
    /// At most 15 bytes; bytes outside UTF-8 are replaced.
    package var command: String
    /// `R` running, `S` asleep until something happens, `D` asleep on disk, `T` stopped, `Z` ended, ...
    package var state: UInt8
    package var parent: Int32
    /// Clock ticks between the host's start and the process's: with the pid, it names one process for good.
    package var startTicks: UInt64

    package init?(_ bytes: Span<UInt8>) {
        var close = -1
        var open = -1
        for index in bytes.indices {
            if bytes[index] == UInt8(ascii: ")") { close = index }
            if open < 0, bytes[index] == UInt8(ascii: "(") { open = index }
        }
        guard open > 1, close > open, let pid = decimal(bytes, 0..<open - 1), pid <= UInt64(Int32.max) else {
            return nil
        }
        self.pid = Int32(pid)
        var name: [UInt8] = []
        for index in open + 1..<close { name.append(bytes[index]) }
        command = String(decoding: name, as: UTF8.self)

        // Field 3 (state) begins two bytes behind the parenthesis; 4 is the parent, 22 the start.
        var field = 3
        var start = close + 2
        var state: UInt8?
        var parent: UInt64?
        var startTicks: UInt64?
        var index = start
        while index <= bytes.count, start <= bytes.count, field <= 22 {
            if index == bytes.count || bytes[index] == 0x20 || bytes[index] == 0x0a {
                switch field {
                case 3: state = index > start ? bytes[start] : nil
                case 4: parent = decimal(bytes, start..<index)
                case 22: startTicks = decimal(bytes, start..<index)
                default: break
                }
                field += 1
                start = index + 1
            }
            index += 1
        }
        guard let state, let parent, parent <= UInt64(Int32.max), let startTicks else { return nil }
        self.state = state
        self.parent = Int32(parent)
        self.startTicks = startTicks
    }

    /// Asleep until something it waits for happens: it has nothing left to do on its own.
    package var isAsleep: Bool { state == UInt8(ascii: "S") }
    package var hasEnded: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
}

/// The value of the decimal digits in `range`; `nil` when it holds anything else, nothing, or more than 64 bits.
func decimal(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
    guard !range.isEmpty, range.lowerBound >= 0, range.upperBound <= bytes.count else { return nil }
    var value: UInt64 = 0
    for index in range {
        guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { return nil }
        let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflowed) = tens.addingReportingOverflow(UInt64(bytes[index] - 0x30))
        if overflow || overflowed { return nil }
        value = sum
    }
    return value
}
