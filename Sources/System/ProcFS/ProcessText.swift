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
        switch bytes[index] {
        case 0x30...0x39: bits = bits << 4 | UInt64(bytes[index] - 0x30)
        case 0x61...0x66: bits = bits << 4 | UInt64(bytes[index] - 0x61 + 10)
        default: return nil
        }
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
