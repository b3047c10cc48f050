import Glibc

/// The program that scripts/fuzz runs: libFuzzer's main with the readers of foreign bytes behind it, one of them at a
/// time, named by BREAKWATER_FUZZ_TARGET. It is no part of the package unless BREAKWATER_FUZZ is set.

/// One reader, and what must hold whatever it reads.
protocol Target {
    mutating func run(_ input: [UInt8])
}

@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutablePointer<CInt>?, _: UnsafeMutableRawPointer?) -> CInt {
    let name = getenv("BREAKWATER_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    if name == "list" {
        for target in Targets.all { print(target.name) }
        exit(0)
    }
    guard let found = Targets.all.first(where: { $0.name == name }) else {
        tell("BREAKWATER_FUZZ_TARGET names no target: \"\(name)\"")
        exit(64)
    }
    Targets.chosen = found.make()
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Targets.chosen?.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// Ends the run as a crash when something does not hold; libFuzzer then keeps the input.
func require(_ condition: Bool, _ text: @autoclosure () -> String) {
    guard !condition else { return }
    tell("does not hold: \(text())")
    abort()
}

private func tell(_ text: String) {
    let line = Array((text + "\n").utf8)
    write(STDERR_FILENO, line, line.count)
}

/// Bytes as a person may look at them.
func shown(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes {
        text += byte >= 0x20 && byte < 0x7f ? String(UnicodeScalar(byte)) : "\\x" + String(byte, radix: 16)
    }
    return text
}

/// Memory that ends where the next page may not be read: a reader that goes beyond its bytes ends the run.
struct GuardedMemory {
    static let capacity = 1 << 17
    private let end: UnsafeMutableRawPointer

    init() {
        let page = 4096
        guard
            let start = mmap(
                nil, GuardedMemory.capacity + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED
        else { fatalError("mmap") }
        end = start + GuardedMemory.capacity
        mprotect(end, page, PROT_NONE)
    }

    /// A copy of `bytes` that begins at a multiple of `alignment`, and ends as near to the border as that allows.
    func place(_ bytes: some Collection<UInt8>, alignment: Int = 1) -> UnsafeMutableRawBufferPointer {
        let room = (bytes.count + alignment - 1) / alignment * alignment
        let place = UnsafeMutableRawBufferPointer(start: end - room, count: bytes.count)
        place.copyBytes(from: bytes)
        return place
    }
}
