import Foundation
import Testing

/// A history out of one state directory and into another, by the program itself.
@Suite(.serialized) struct HistoryTransferTests {
    private let folder: ProgramTests.Folder
    private let program: URL

    init() throws {
        folder = try ProgramTests.Folder()
        program = try #require(ProgramTests.program, "breakwater is not built beside the tests")
    }

    private struct Done {
        var code: Int32
        var output: String
        var errors: String
    }

    /// With a state directory of this name.
    private func run(_ state: String, _ words: [String]) throws -> Done {
        let config = folder.url.appending(path: state + ".toml").path
        let directory = folder.url.appending(path: state).path
        try Data("state_directory = \"\(directory)\"\ncontrol_socket = \"\(directory)/none\"\n".utf8)
            .write(to: URL(filePath: config))
        let done = try ProgramTests.run(program, words + ["--config", config])
        return Done(
            code: done.code, output: String(decoding: done.output, as: UTF8.self),
            errors: String(decoding: done.errors, as: UTF8.self))
    }

    private func run(_ state: String, _ words: String...) throws -> Done { try run(state, words) }

    private func write(_ name: String, _ text: String) throws -> String {
        let url = folder.url.appending(path: name)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    /// The days of a log put to lately: one is old enough to have lost its minutes, one is today.
    private func log() throws -> String {
        let days = Set(ProgramTests.iso.map { String($0.prefix(10)) }).sorted()
        let format = ISO8601DateFormatter()
        format.formatOptions = [.withFullDate]
        var dates: [String: String] = [:]
        for (number, day) in days.enumerated() {
            let back = number == days.count - 1 ? 0 : number == 0 ? 60 : days.count - number
            dates[day] = format.string(from: Date(timeIntervalSinceNow: -86400 * Double(back)))
        }
        return try write(
            "mail.log",
            ProgramTests.iso.map { (dates[String($0.prefix(10))] ?? "") + $0.dropFirst(10) + "\n" }.joined())
    }

    private func reports(_ state: String) throws -> [String] {
        try [[], ["--since", "90d"], ["--week", "today", "--json"]].map { words in
            let done = try run(state, ["report"] + words)
            #expect(done.code == 0, "\(done)")
            return done.output
        }
    }

    private func imported(_ log: String) throws {
        let done = try run("a", "import", "--log", log)
        try #require(done.code == 0, "\(done)")
    }

    @Test func `a log of which nothing is understood does not count as read`() throws {
        let log = try log()
        try Data("state_directory = \"\(folder.url.path)/a\"\n[mta]\nkind = \"courier\"\n".utf8)
            .write(to: folder.url.appending(path: "wrong.toml"))
        let wrong = try ProgramTests.run(
            program, ["import", "--log", log, "--config", folder.url.appending(path: "wrong.toml").path])
        #expect(wrong.code == 1)
        #expect(String(decoding: wrong.errors, as: UTF8.self).contains("is [mta] kind right?"), "\(wrong)")
        let right = try run("a", "import", "--log", log)
        #expect(right.code == 0 && right.output.hasSuffix(", 0 were counted before\n"), "\(right)")
        #expect(!right.output.hasPrefix("counted 0 "), "\(right)")
    }

    @Test func `a span is the one that was asked for, and a day without counts says so`() throws {
        try imported(try log())
        // The log's last day is today: both spans end with what is now.
        let recent = try run("a", "report", "--since", "1h").output
        let hour = DateFormatter()
        hour.dateFormat = "yyyy-MM-dd"
        #expect(
            recent.contains(" to \(hour.string(from: Date(timeIntervalSinceNow: 86400))) 00:00"),
            "\(recent.prefix(200))")
        #expect(try run("a", "report", "--until", "2020-01-02").code == 1)
        let empty = try run("a", "report", "--day", "2020-01-01")
        #expect(empty.errors.contains("nothing was counted in that span; the history holds "), "\(empty)")
        #expect(try run("a", "report", "--week", "today").errors.isEmpty)
    }

    @Test func `a page into a fifo or a link to one leaves it there`() throws {
        try imported(try log())
        let fifo = folder.url.appending(path: "fifo").path
        let link = folder.url.appending(path: "link").path
        try #require(mkfifo(fifo, 0o600) == 0 && symlink(fifo, link) == 0)
        // Open for both, so that neither side waits; it holds as much as fits.
        let reader = open(fifo, O_RDWR | O_NONBLOCK)
        defer { close(reader) }
        // F_SETPIPE_SZ, fcntl(2).
        #expect(fcntl(reader, 1031, 1 << 20) >= 1 << 19)
        for path in [fifo, link] {
            let done = try run("a", "report", "--html", path)
            #expect(done.code == 0, "\(done)")
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = read(reader, &bytes, bytes.count)
            #expect(count > 10_000 && String(decoding: bytes.prefix(15), as: UTF8.self) == "<!DOCTYPE html>")
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG)
        }
    }

    @Test(arguments: ["tsv", "jsonl"])
    func `what comes out goes into an empty history, and every report is the same byte for byte`(form: String) throws {
        let log = try log()
        try imported(log)
        let file = try run("a", "export", form, "--history")
        #expect(file.code == 0 && file.errors.isEmpty)
        let path = try write("history.\(form)", file.output)
        #expect(file.output.split(separator: "\n").count > 6, "\(file.output.prefix(400))")
        var done = try run("b", "import", "--history", "-n", path)
        #expect(done.code == 0 && done.output.hasPrefix("would import "), "\(done)")
        #expect(!FileManager.default.fileExists(atPath: folder.url.appending(path: "b").path))
        done = try run("b", "import", "--history", path)
        #expect(done.code == 0 && done.errors.isEmpty && done.output.hasSuffix(", 0 were there already, 0 bad lines\n"))
        #expect(try reports("b") == reports("a"))
        #expect(try run("b", "export", form, "--history").output == file.output)

        // Twice, and the logs themselves once more: nothing counts again.
        done = try run("b", "import", "--history", path)
        #expect(done.code == 0 && done.output.hasPrefix("imported 0 days, "), "\(done)")
        done = try run("b", "import", "--log", log)
        #expect(done.output.hasPrefix("counted 0 events, "), "\(done)")
        #expect(try reports("b") == reports("a"))

        // Packed, and from another place.
        let pack = Process()
        pack.executableURL = URL(filePath: "/usr/bin/gzip")
        pack.arguments = [path]
        try pack.run()
        pack.waitUntilExit()
        #expect(try run("c", "import", "--history", path + ".gz").code == 0)
        #expect(try reports("c") == reports("a"))
    }

    @Test func `an import that was broken off goes on, and until then the logs are not taken for counted`() throws {
        let log = try log()
        try imported(log)
        let file = try run("a", "export", "tsv", "--history").output
        let half = try write("half.tsv", String(file.prefix(file.utf8.count / 2)))
        var done = try run("b", "import", "--history", half)
        #expect(done.code == 1 && done.errors.contains("not whole: its end is missing"), "\(done)")
        #expect(done.errors.contains("would count these days again"), "\(done)")
        #expect(!done.output.hasPrefix("imported 0 "), "\(done)")
        done = try run("b", "import", "--history", write("whole.tsv", file))
        #expect(done.code == 0 && !done.output.contains(", 0 were there already"), "\(done)")
        #expect(try reports("b") == reports("a"))
        #expect(try run("b", "import", "--log", log).output.hasPrefix("counted 0 events, "))
        // A line in its middle is missing.
        let lines = file.split(separator: "\n")
        let gap = try write("gap.tsv", (lines.prefix(3) + lines.dropFirst(4)).joined(separator: "\n") + "\n")
        done = try run("c", "import", "--history", gap)
        #expect(done.code == 1 && done.errors.contains("or lines of it"), "\(done)")
    }

    @Test func `other counts of a day are kept, and replaced only when that is asked for`() throws {
        let log = try log()
        try imported(log)
        let file = try write("history.tsv", run("a", "export", "tsv", "--history").output)
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        let some = try write("some.log", lines.suffix(40).joined(separator: "\n") + "\n")
        _ = try run("b", "import", "--log", some)
        let before = try run("b", "export", "tsv", "--history").output
        var done = try run("b", "import", "--history", file)
        #expect(done.code == 1 && done.errors.contains("other counts are there; they are kept"), "\(done)")
        #expect(done.output.contains(" have other counts, "), "\(done)")
        for line in before.split(separator: "\n") where line.hasPrefix("20") {
            #expect(try run("b", "export", "tsv", "--history").output.contains(line))
        }
        #expect(try reports("b") != reports("a"))
        done = try run("b", "import", "--history", "--yes", file)
        #expect(done.code == 0 && !done.output.contains("other counts"), "\(done)")
        #expect(try reports("b") == reports("a"))
    }

    @Test func `a damaged or foreign file puts in what is right of it and says the rest`() throws {
        try imported(try log())
        let file = try run("a", "export", "tsv", "--history").output
        var lines = file.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let days = lines.indices.filter { lines[$0].hasPrefix("20") }
        var bytes = Array(lines[days[0]].utf8)
        bytes[bytes.count - 40] ^= 1
        lines[days[0]] = String(decoding: bytes, as: UTF8.self)
        lines.insert("198.51.100.7\t1h\t\u{1b}[31mwhy", at: days[1])
        let damaged = try write("damaged.tsv", lines.joined(separator: "\n"))
        var done = try run("b", "import", "--history", damaged)
        #expect(done.code == 1 && done.output.hasPrefix("imported \(days.count - 1) days, "), "\(done)")
        #expect(done.output.hasSuffix("2 bad lines\n"), "\(done)")
        #expect(done.errors.contains(":\(days[0] + 1): damaged: its check does not fit"), "\(done)")
        #expect(
            done.errors.contains("fields, where a history's line has") && !done.errors.contains("\u{1b}"), "\(done)")

        // Too old to be kept, and not yet.
        for (date, says) in [("2011-02-24", "0 bad"), ("2199-01-01", "1 bad")] {
            var cells = lines[days[1] + 1].split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            cells[0] = date
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for text in [date, cells[1], cells[cells.count - 2]] {
                for byte in Array(text.utf8) + [9] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            }
            cells[cells.count - 1] = String(hash, radix: 16)
            let path = try write("other.tsv", cells.joined(separator: "\t") + "\nend\t1\t0\n")
            done = try run("c", "import", "--history", path)
            #expect(done.code == 1 && done.output.contains(says), "\(date): \(done)")
            #expect(done.output.contains("older than the 400 days") == (date == "2011-02-24"), "\(done)")
        }

        done = try run("b", "import", try write("history.tsv", file))
        #expect(done.code == 64 && done.errors.contains("import --history"), "\(done)")
        done = try run("b", "import", "--history", try write("bans.tsv", "198.51.100.7\t1h\twhy\n"))
        #expect(done.code == 1 && done.output.hasPrefix("imported 0 days"), "\(done)")
        #expect(try run("b", "import", "--history", folder.url.appending(path: "none").path).code == 66)
        #expect(try run("b", "export", "nft", "--history").code == 64)
        #expect(try run("none", "export", "tsv", "--history").code == 1)
        #expect(try run("b", "import", "--history", "--log", damaged).code == 64)
    }
}
