/// The smaller texts of /proc: lists of children, links of descriptors, environments, the present system call.

/// The pids of /proc/PID/task/PID/children: decimal numbers with blanks behind them. What is no pid is left out.
package func childList(_ bytes: Span<UInt8>) -> [Int32] {
    var pids: [Int32] = []
    var start = 0
    for index in 0...bytes.count {
        guard index == bytes.count || bytes[index] == 0x20 || bytes[index] == 0x0a else { continue }
        if let pid = decimal(bytes, start..<index), pid > 0, pid <= UInt64(Int32.max) { pids.append(Int32(pid)) }
        start = index + 1
    }
    return pids
}

/// The inode in the target of a descriptor's link when it is a socket (`socket:[72934]`), else `nil`.
package func socketInode(linkTarget: String) -> UInt32? {
    guard linkTarget.hasPrefix("socket:["), linkTarget.hasSuffix("]") else { return nil }
    return UInt32(linkTarget.dropFirst(8).dropLast())
}

/// The program's file name from the target of /proc/PID/exe. A file replaced while it runs (a package's update) has
/// ` (deleted)` behind it, which is no part of the name.
package func programName(linkTarget: String) -> String {
    var path = linkTarget[...]
    if path.hasSuffix(" (deleted)") { path = path.dropLast(10) }
    return String(path.split(separator: "/").last ?? "")
}

/// The value of a variable in an environment as execve(2) received it: entries `NAME=value` that end with a zero.
/// The first of several wins, as getenv(3) has it. `nil` when it is not there or is longer than `limit`.
package func environmentValue(_ name: StaticString, in bytes: Span<UInt8>, limit: Int = 256) -> String? {
    let count = name.utf8CodeUnitCount
    return name.withUTF8Buffer { wanted in
        var start = 0
        for index in 0...bytes.count where index == bytes.count || bytes[index] == 0 {
            defer { start = index + 1 }
            guard index - start > count, bytes[start + count] == UInt8(ascii: "=") else { continue }
            var isEqual = true
            for offset in 0..<count where bytes[start + offset] != wanted[offset] {
                isEqual = false
                break
            }
            guard isEqual else { continue }
            let length = index - start - count - 1
            guard length <= limit else { return nil }
            var value: [UInt8] = []
            for offset in start + count + 1..<index { value.append(bytes[offset]) }
            return String(decoding: value, as: UTF8.self)
        }
        return nil
    }
}

/// The number of the system call in /proc/PID/syscall; `nil` while the process runs, or is in none.
package func systemCallNumber(_ bytes: Span<UInt8>) -> Int? {
    for index in bytes.indices where bytes[index] == 0x20 {
        return decimal(bytes, 0..<index).flatMap { Int(exactly: $0) }
    }
    return nil
}

/// The number and the six arguments of the system call in /proc/PID/syscall; `nil` while the process runs, or is in none.
package func systemCall(_ bytes: Span<UInt8>) -> (number: Int, arguments: [UInt64])? {
    guard let number = systemCallNumber(bytes) else { return nil }
    var arguments: [UInt64] = []
    var value: UInt64?
    for index in 0...bytes.count {
        guard index < bytes.count, bytes[index] > 0x20 else {
            if let value { arguments.append(value) }
            value = nil
            if arguments.count == 6 { return (number, arguments) }
            continue
        }
        if let digit = hexDigit(bytes[index]), let old = value {
            value = old << 4 | UInt64(digit)
        } else if bytes[index] == UInt8(ascii: "x") {
            value = 0
        }
    }
    return nil
}

/// The descriptors of the `tfd:        5 events:       19 ...` lines of an epoll set's fdinfo (proc_pid_fdinfo(5)) that
/// are watched for reading.
package func epollTargets(_ bytes: Span<UInt8>) -> [Int32] {
    var targets: [Int32] = []
    var start = 0
    for index in bytes.indices where bytes[index] == 0x0a {
        let line = bytes.extracting(start..<index)
        start = index + 1
        guard let descriptor = numberField("tfd", in: line), let number = Int32(exactly: descriptor),
            isWatchedForReading(line)
        else { continue }
        targets.append(number)
    }
    return targets
}

/// Whether EPOLLIN, the lowest bit of the hexadecimal word behind `events:`, is set.
private func isWatchedForReading(_ line: Span<UInt8>) -> Bool {
    var index = 0
    while index + 7 <= line.count {
        if line[index] == UInt8(ascii: "e"), line[index + 6] == UInt8(ascii: ":") { break }
        index += 1
    }
    index += 7
    while index < line.count, line[index] == 0x20 { index += 1 }
    var last: UInt8 = 0
    while index < line.count, let digit = hexDigit(line[index]) {
        last = digit
        index += 1
    }
    return last & 1 == 1
}

func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}

/// A `Name:   1234 kB` line of /proc/PID/status, in bytes.
package func kilobyteField(_ name: StaticString, in bytes: Span<UInt8>) -> UInt64? {
    let value = numberField(name, in: bytes)?.multipliedReportingOverflow(by: 1024)
    return value.flatMap { $0.overflow ? nil : $0.partialValue }
}

/// The number of a `Name:   1234` line, whatever stands behind it.
package func numberField(_ name: StaticString, in bytes: Span<UInt8>) -> UInt64? {
    guard let value = field(name, in: bytes) else { return nil }
    var last = value.lowerBound
    while last < value.upperBound, bytes[last] >= 0x30, bytes[last] <= 0x39 { last += 1 }
    return decimal(bytes, value.lowerBound..<last)
}

/// The bits of a `Name:   00000000a80425fb` line, as /proc/PID/status has them for capabilities and signals.
package func bitsField(_ name: StaticString, in bytes: Span<UInt8>) -> UInt64? {
    guard let value = field(name, in: bytes), 1...16 ~= value.count else { return nil }
    var bits: UInt64 = 0
    for index in value {
        guard let digit = hexDigit(bytes[index]) else { return nil }
        bits = bits << 4 | UInt64(digit)
    }
    return bits
}

/// Where the value of a `Name:   value` line stands, to the line's end.
private func field(_ name: StaticString, in bytes: Span<UInt8>) -> Range<Int>? {
    let count = name.utf8CodeUnitCount
    return name.withUTF8Buffer { wanted in
        var start = 0
        for index in 0...bytes.count where index == bytes.count || bytes[index] == 0x0a {
            defer { start = index + 1 }
            guard index - start > count, bytes[start + count] == UInt8(ascii: ":") else { continue }
            var isEqual = true
            for offset in 0..<count where bytes[start + offset] != wanted[offset] {
                isEqual = false
                break
            }
            guard isEqual else { continue }
            var first = start + count + 1
            while first < index, bytes[first] == 0x20 || bytes[first] == 0x09 { first += 1 }
            return first..<index
        }
        return nil
    }
}
