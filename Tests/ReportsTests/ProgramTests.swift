import Events
import Foundation
import Testing

/// The program itself: the same log in one file, or cut, shuffled, packed, by host, and told twice.
@Suite(.serialized) struct ProgramTests {
    /// Built beside the tests; the runner is the test binary itself, or a helper of the toolchain that was given its path.
    static let program =
        (CommandLine.arguments.map { URL(filePath: $0) }
        + [URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../.build/debug/tests")])
        .map { $0.deletingLastPathComponent().appending(path: "breakwater") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }

    /// A directory for one test, away at its end.
    final class Folder {
        let url = FileManager.default.temporaryDirectory.appending(path: "breakwater-report-\(UUID().uuidString)")

        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: url) }

        /// Stamps without a year are of the one that the file was last written in.
        func file(_ name: String, _ lines: some Sequence<String>) throws -> String {
            let path = url.appending(path: name)
            try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: path)
            let written = Date(timeIntervalSince1970: Double((RandomLog.begin + .days(4)).seconds))
            try FileManager.default.setAttributes([.modificationDate: written], ofItemAtPath: path.path)
            return path.path
        }
    }

    static func run(
        _ program: URL, _ arguments: [String], configuration: String = "/dev/null"
    ) throws -> (code: Int32, output: Data, errors: Data) {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = program
        process.arguments = arguments
        process.environment = ["TZ": "UTC", "PATH": "/usr/bin:/bin", "BREAKWATER_CONFIG": configuration]
        (process.standardOutput, process.standardError) = (output, errors)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, text, complaint)
    }

    /// The document, without how many lines were told twice.
    private static func report(_ files: [String], _ more: [String] = []) throws -> (report: NSDictionary, repeated: Int)
    {
        let program = try #require(program, "breakwater is not built beside the tests")
        let outcome = try run(program, ["report", "--json", "--log"] + files + more)
        #expect(outcome.code == 0, "\(String(decoding: outcome.errors, as: UTF8.self))")
        let document = try #require(JSONSerialization.jsonObject(with: outcome.output) as? [String: Any])
        var rest = document
        rest["repeated"] = nil
        return (NSDictionary(dictionary: rest), document["repeated"] as? Int ?? -1)
    }

    static let iso = RandomLog.lines(1500, seed: 11)
    /// The same as rsyslog writes it by default: `Feb 21 10:00:00`.
    static let traditional = iso.map { line in
        let rest = line[line.index(line.startIndex, offsetBy: 27)...]
        return "Feb \(line.dropFirst(8).prefix(2)) \(line.dropFirst(11).prefix(8))\(rest)"
    }

    @Test(arguments: [iso, traditional])
    func `cut at any line, in any order, packed, by host, told twice`(lines: [String]) throws {
        let folder = try Folder()
        let whole = try folder.file("mail.log", lines)
        let expected = try Self.report([whole])
        #expect(expected.repeated == 0)
        #expect((expected.report["lines"] as? Int) == lines.count)
        for seed in 0..<6 as Range<UInt64> {
            var dice = Dice(seed)
            var files: [String] = []
            var rest = lines[...]
            while !rest.isEmpty {
                let count = 1 + dice.below(1200)
                files.append(try folder.file("part.\(seed).\(padded(files.count, 3))", rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            _ = try Self.run(URL(filePath: "/usr/bin/gzip"), ["-k", files[0]])
            files[0] += ".gz"
            files.shuffle(using: &dice)
            #expect(try Self.report(files) == expected, "cut by seed \(seed)")
        }
        let hosts = try RandomLog.hosts.map { host in
            try folder.file(host, lines.filter { $0.contains(" \(host) ") })
        }
        #expect(try Self.report(hosts.reversed()) == expected, "by host")
        let copies = try Self.report([whole, hosts[1], whole])
        #expect(copies.report == expected.report, "told twice")
        #expect(copies.repeated == lines.count + lines.count { $0.contains(" \(RandomLog.hosts[1]) ") })
    }

    @Test func `the days of one host behind those of another`() throws {
        let folder = try Folder()
        let expected = try Self.report([try folder.file("sorted", Self.iso)])
        let hosts = RandomLog.hosts.map { host in Self.iso.filter { $0.contains(" \(host) ") } }
        #expect(try Self.report([try folder.file("behind", hosts[1] + hosts[0])]) == expected)
    }

    @Test func `a span, and what it is compared with`() throws {
        let folder = try Folder()
        let log = try folder.file("mail.log", Self.iso)
        let day = try Self.report([log], ["--day", "2011-02-22"]).report
        let lines = Self.iso.filter { $0.hasPrefix("2011-02-22") }
        let classes = try #require(day["classes"] as? NSDictionary)["rows"] as? [NSDictionary]
        let rejected = lines.count { $0.contains(": 5") && $0.contains("reject:") }
        #expect(classes?[1]["count"] as? Int == rejected)
        #expect(day["change"] is NSDictionary)
        // The same lines alone: nothing to compare with.
        let span = try Self.report([log], ["--since", "2011-02-22", "--until", "2011-02-23"]).report
        #expect(span["classes"] as? NSDictionary == day["classes"] as? NSDictionary)
        #expect(span["change"] is NSNull)
        #expect(span["title"] as? String == "since 2011-02-22 until 2011-02-23")
    }

    @Test(arguments: [
        (["--day", "24.2.2011"], 64, "expected a date like 2011-02-24"),
        (["--day", "2011-02-30"], 64, "expected a date"),
        (["--day", "today", "--week", "today"], 64, "exclude each other"),
        (["--only", "clases"], 64, "no such section; did you mean classes?"),
        (["--only", "dnsbl_test"], 64, "wants --ask-lists"), (["--wave", "last"], 64, "leave --log out"),
        (["--since", "2011-02-24", "--until", "2011-02-24"], 64, "not before"),
        (["--since", "soon"], 64, "expected a date"), (["--day", "1999-01-01"], 0, ""),
        (["--since", "2020-01-01"], 1, "nothing happened"),
    ])
    func `what is not understood is said`(arguments: [String], code: Int, text: String) throws {
        let folder = try Folder()
        let program = try #require(Self.program, "breakwater is not built beside the tests")
        let log = try folder.file("mail.log", Self.iso.prefix(100))
        let outcome = try Self.run(program, ["report", "--log", log] + arguments)
        #expect(outcome.code == Int32(code))
        #expect(String(decoding: outcome.errors, as: UTF8.self).contains(text) || text.isEmpty)
        let missing = try Self.run(program, ["report", "--log", log + ".no"])
        #expect(missing.code == 66)
        let foreign = try Self.run(program, ["report", "--log", #filePath])
        #expect(foreign.code == 1 && String(decoding: foreign.errors, as: UTF8.self).contains("breakwater parse FILE"))
    }
}

private func == (left: (report: NSDictionary, repeated: Int), right: (report: NSDictionary, repeated: Int)) -> Bool {
    left.report == right.report && left.repeated == right.repeated
}
