import Foundation
import Testing

/// Pages of reports in a real browser, Debian's Chromium without a window: scripts/page-check says what is wrong.
@Suite(.enabled(if: isLabWanted && hasChromium, "needs root, BREAKWATER_LAB=1 and chromium, as scripts/test has them"))
struct BrowserTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A directory with the pages that ReportHelper makes, gone at the end.
    private func withPages(_ body: (URL, String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "breakwater-pages-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let made = try run(programDirectory + "/ReportHelper", [folder.path])
        try #require(made.code == 0, "\(made.output)")
        try body(folder, made.output)
    }

    private func check(_ pages: URL...) throws -> (code: Int32, output: String) {
        try run("/usr/bin/python3", [Self.root.appending(path: "scripts/page-check").path] + pages.map(\.path))
    }

    private func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, output: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Loads nothing, says nothing on the console, is sorted by the keyboard, names each country under the pointer, is
    /// readable in light and dark and fits a phone; hostile names among it stay text.
    @Test func `nothing is wrong with a page`() throws {
        try withPages { folder, _ in
            let done = try check(
                folder.appending(path: "week.html"), folder.appending(path: "waves.html"),
                folder.appending(path: "watched.html"), folder.appending(path: "hostile.html"))
            #expect(done.code == 0, "\(done.output)")
            #expect(done.output.contains("week.html: 7 tables, 476 rows, 13 drawings, 746 countries named, 0 problems"))
            #expect(
                done.output.contains("hostile.html: 5 tables, 65 rows, 12 drawings, 992 countries named, 0 problems"))
        }
    }

    @Test func `a page of a week is below a megabyte`() throws {
        try withPages { folder, output in
            let size = try FileManager.default.attributesOfItem(atPath: folder.path + "/week.html")[.size] as? Int
            #expect((size ?? .max) < 1_000_000, "\(output)")
        }
    }

    /// Each is broken in one way, and found out for that.
    @Test(arguments: [
        ("<script>", "<script>void 0;", "console: "),
        ("<script>", "<script>void 0;", "sorting: no heading can be pressed"),
        ("</main>", "<img alt=\"\" src=\"https://example.net/beacon.png\"></main>", "document: a IMG"),
        ("</main>", "<img alt=\"\" src=\"https://example.net/beacon.png\"></main>", "console: "),
        ("default-src 'none'", "default-src *", "policy is"), ("scope=\"col\"", "", "a column has no heading"),
        ("<caption id", "<caption id=\"x\" data-id", "is named by"), ("<h2 id=\"s-wave-h\">", "<h4>", "skips a level"),
        ("</main>", "<pre>\(String(repeating: "wide", count: 200))</pre></main>", "px wide"),
        ("class=\"limitword\"", "class=\"track\"", "contrast, light"),
        ("</text>", " and more and more and more and more and more and more</text>", "lies over"),
        ("</text>", " and more and more and more and more and more and more</text>", "out of its drawing"),
        (" role=\"img\"", "", "has no name"), ("data-v=\"", "data-w=\"", "sorting: "),
    ])
    func `a page that is wrong is found out`(part: String, other: String, complaint: String) throws {
        try withPages { folder, _ in
            let page = folder.appending(path: "waves.html")
            let text = try String(contentsOf: page, encoding: .utf8)
            let wrong = text.replacingOccurrences(of: part, with: other)
            try #require(wrong != text)
            try wrong.write(to: page, atomically: true, encoding: .utf8)
            let done = try check(page)
            #expect(done.code == 1 && done.output.contains(complaint), "\(done.output)")
        }
    }
}

private let hasChromium = FileManager.default.isExecutableFile(atPath: "/usr/bin/chromium")
