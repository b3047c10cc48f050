import Testing

/// What the compiler does not see to: who may import whom, a header in every file, one format, no machine's paths.
@Suite struct SourceTests {
    /// The first words of `import Foo`, `private import Foo`, `import struct Foo.Bar`.
    private static func imports(_ file: String) throws -> [String] {
        try Repository.lines(file).compactMap { line in
            let match = line.wholeMatch(
                of:
                    /\s*(?:@\w+(?:\(\w+\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?([A-Za-z_][A-Za-z0-9_]*).*/
            )
            return match.map { String($0.1) }
        }
    }

    /// The targets of a ring are its folders.
    private static func targets(_ ring: String) -> Set<String> {
        let prefix = "Sources/\(ring)/"
        return Set(
            Repository.files.filter { $0.hasPrefix(prefix) }.compactMap { file in
                file.dropFirst(prefix.count).split(separator: "/").first.map(String.init)
            })
    }

    private static let logic = targets("Logic")
    private static let system = targets("System")
    /// The C library, and what of Swift itself has a module of its own.
    private static let platform: Set<String> = ["Glibc", "Synchronization"]

    @Test(arguments: [
        // Logic is pure: nothing of it can ask a clock, a file or the network.
        ("Logic", logic),
        ("System", system.union(platform).union(["Addresses", "Events"])),
        ("Inputs", system.union(platform).union(["Addresses", "Bytes", "Events", "Configuration", "Origins"])),
        ("Outputs", system.union(platform).union(["Addresses", "Events"])),
    ])
    func `a ring imports only what it may`(ring: String, allowed: Set<String>) throws {
        let files = Repository.files(below: "Sources/\(ring)", ".swift")
        #expect(!files.isEmpty)
        for file in files {
            let own = String(file.split(separator: "/")[2])
            for name in try Self.imports(file) {
                #expect(allowed.contains(name) || (ring == "System" && name == own), "\(file) imports \(name)")
            }
        }
    }

    @Test func `nothing imports Foundation`() throws {
        for file in Repository.files(below: "Sources", ".swift") {
            for name in try Self.imports(file) { #expect(!name.hasPrefix("Foundation"), "\(file) imports \(name)") }
        }
    }

    /// The standard library has clocks and randomness that need no import.
    @Test func `logic asks no clock and draws no lots`() throws {
        let words =
            /\b(ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|randomElement|shuffled?|random)\b\s*[(.]/
        for file in Repository.files(below: "Sources/Logic", ".swift") {
            for (number, line) in try Repository.lines(file).enumerated() where !line.trimmed.hasPrefix("//") {
                #expect(line.firstMatch(of: words) == nil, "\(file):\(number + 1): \(line)")
            }
        }
    }

    /// A few sentences that say what the file is for: above the imports, or on its first declaration.
    @Test func `every source file has a header comment`() throws {
        let swift = Repository.files(below: "Sources", ".swift", ".c", ".h")
        let scripts = Repository.files(below: "scripts", "").filter { !$0.hasSuffix(".md") && !$0.hasSuffix(".tsv") }
        #expect(!swift.isEmpty && !scripts.isEmpty)
        for file in swift + scripts {
            let first = try Repository.lines(file).map(\.trimmed).first { line in
                !line.isEmpty && !line.hasPrefix("#!") && !line.hasPrefix("import ")
                    && line.wholeMatch(of: /@?\w+ import .*/) == nil
                    && !line.hasPrefix("#pragma") && !line.hasPrefix("#include")
                    && !line.hasPrefix("#define _GNU_SOURCE")
                    && line.wholeMatch(of: /#ifndef \w+_[Hh]|#define \w+_[Hh]/) == nil
            }
            let isComment = first.map { line in ["//", "/*", "# ", "\"\"\""].contains { line.hasPrefix($0) } } ?? true
            #expect(isComment, "\(file) begins with \(first ?? "")")
        }
    }

    /// `swift format -i -r Sources Tests Package.swift` puts right what this finds.
    @Test(.enabled(if: Repository.find("swift") != nil, "there is no swift on the PATH"))
    func `the code is formatted`() throws {
        let lint = try #require(
            Repository.run(
                "swift", ["format", "lint", "--strict", "--parallel", "-r", "Sources", "Tests", "Package.swift"]))
        #expect(lint.status == 0, "\(lint.output.split(separator: "\n").prefix(20).joined(separator: "\n"))")
    }

    /// An absolute path in a tracked file begins at a directory that every Linux host has; anything else is the machine
    /// of whoever wrote it.
    @Test func `no file names a path of one machine`() throws {
        let everywhere: Set<Substring> = [
            "bin", "boot", "dev", "etc", "lib", "proc", "run", "sbin", "sys", "tmp", "usr", "var",
        ]
        let path = /(?:^|[\s"'=(\[`:,])\/([A-Za-z][\w.-]*)\/\w/
        // The lab's mail server has a user of its own with a home, and a Swift toolchain is looked for where it is
        // commonly put.
        let expected = ["/home/bob", "/opt/swift"]
        for file in Repository.files where !file.contains("/Fixtures/") && file != "LICENSE" {
            for (number, line) in try Repository.lines(file).enumerated() {
                for match in line.matches(of: path) where !everywhere.contains(match.1) {
                    let rest = line[match.1.startIndex...]
                    guard !expected.contains(where: { rest.hasPrefix($0.dropFirst()) }) else { continue }
                    // What is appended to a path is a piece of one, not an absolute one.
                    #expect(line[..<match.1.startIndex].hasSuffix("+ \"/"), "\(file):\(number + 1): \(line.trimmed)")
                }
            }
        }
    }
}

extension StringProtocol {
    var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" })
    }
}
