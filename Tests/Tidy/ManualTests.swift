import Testing

/// The manual pages say what the programs do: mandoc has no complaint, and every verb and option stands in its page.
@Suite struct ManualTests {
    static let pages = Repository.files.filter { $0.wholeMatch(of: /docs\/man\/.+\.[0-9]/) != nil }

    @Test(.enabled(if: Repository.find("mandoc") != nil, "mandoc is not installed"), arguments: pages)
    func `mandoc has no complaint`(page: String) throws {
        let lint = try #require(Repository.run("mandoc", ["-T", "lint", page]))
        // Which other pages are installed on this host is its own affair; those of ours are looked at below.
        let complaints = lint.output.split(separator: "\n")
            .filter { !$0.contains("referenced manual not found") && !$0.contains("outdated mandoc.db") }
        #expect(complaints.isEmpty, "\(complaints.joined(separator: "\n"))")
    }

    @Test(arguments: pages)
    func `pages of ours that are referred to exist`(page: String) throws {
        for match in try Repository.text(page).matches(of: /\.Xr (breakwater[\w.]*) ([0-9])/) {
            #expect(Repository.exists("docs/man/\(match.1).\(match.2)"), "\(page) refers to \(match.1)(\(match.2))")
        }
    }

    // MARK: - Options

    /// What `--help` says of a program or verb.
    struct Help {
        /// Options as typed: `--config`, `-q`.
        var options: Set<String> = []
        var verbs: [String] = []

        init(_ text: String) {
            for line in text.split(separator: "\n") {
                if let match = line.prefixMatch(of: /^ {2}(-.+?)(?: {2}|$)/) {
                    for option in match.1.matches(of: /(?:^|[ ,])(--?[a-z][a-z-]*)/) {
                        options.insert(String(option.1))
                    }
                } else if let match = line.prefixMatch(of: /^ {2}([a-z]+) {2,}[A-Z]/) {
                    verbs.append(String(match.1))
                }
            }
            // These are the same everywhere and stand where the page begins.
            options.subtract(["--help", "-h", "--version"])
        }
    }

    private static func help(_ program: String, _ arguments: [String] = []) throws -> Help {
        let path = try #require(Repository.built(program), "\(program) is not built beside the tests")
        let outcome = try #require(Repository.run(path, arguments + ["--help"]))
        try #require(outcome.status == 0, "\(outcome.output)")
        return Help(outcome.output)
    }

    /// Options that a stretch of mdoc speaks of.
    private static func options(in text: some StringProtocol) -> Set<String> {
        Set(String(text).replacing("\\-", with: "-").matches(of: /\bFl (-?[a-z][a-z-]*)/).map { "-\($0.1)" })
    }

    @Test func `every option of the daemon stands in its page, and no other`() throws {
        let page = try Repository.text("docs/man/breakwaterd.8")
        let help = try Self.help("breakwaterd")
        #expect(help.options.contains("--config"))
        #expect(Self.options(in: page).subtracting(["--help", "-h", "--version"]) == help.options)
    }

    @Test func `every verb and option of the command line stands in its page, and no other`() throws {
        let page = try Repository.text("docs/man/breakwater.8")
        let verbs = try Self.help("breakwater").verbs
        #expect(verbs.contains("status"))
        let entries = try Self.entries(of: page)
        #expect(Set(entries.keys) == Set(verbs))
        let optionsOf = try Dictionary(
            uniqueKeysWithValues: verbs.map { ($0, try Self.help("breakwater", [$0]).options) })
        // What every verb takes is said once, before the verbs.
        let common = optionsOf.values.reduce(optionsOf["status"] ?? []) { $0.intersection($1) }
        let start = try #require(page.firstRange(of: ".Sh OPTIONS")?.upperBound)
        let end = try #require(page[start...].firstRange(of: ".Sh")?.lowerBound)
        #expect(Self.options(in: page[start..<end]).subtracting(["--help", "-h", "--version"]) == common)
        for (verb, options) in optionsOf {
            #expect(Self.options(in: entries[verb] ?? "").subtracting(common) == options.subtracting(common), "\(verb)")
        }
    }

    /// The text of each verb: from its `.It Ic verb` to the next one, or to the end of the list.
    private static func entries(of page: String) throws -> [String: String] {
        var entries: [String: String] = [:]
        var verb: String?
        let start = try #require(page.firstRange(of: ".Sh VERBS")?.upperBound)
        for line in page[start...].split(separator: "\n") {
            if line.hasPrefix(".Sh") { break }
            if let match = line.prefixMatch(of: /\.It Ic ([a-z]+)\b/) { verb = String(match.1) }
            if line.hasPrefix(".Ss") { verb = nil }
            if let verb { entries[verb, default: ""] += line + "\n" }
        }
        return entries
    }

    // MARK: - Other documents

    @Test func `every place that a document links to exists`() throws {
        let documents = Repository.files.filter { $0.hasSuffix(".md") }
        #expect(documents.contains("README.md"))
        for document in documents {
            let folder = document.split(separator: "/").dropLast().map { $0 + "/" }.joined()
            for match in try Repository.text(document).matches(of: /\]\(([^)#\s]+)(?:#[^)]*)?\)/) {
                let target = String(match.1)
                guard !target.contains("://"), !target.hasPrefix("mailto:") else { continue }
                #expect(Repository.exists(folder + target), "\(document) links to \(target)")
            }
        }
    }

    @Test func `every decision that a source file refers to exists`() throws {
        for file in Repository.files where file.hasPrefix("Sources/") || file.hasPrefix("scripts/") {
            for match in try Repository.text(file).matches(of: /docs\/[\w\/-]+\.md/) {
                #expect(Repository.exists(String(match.0)), "\(file) refers to \(match.0)")
            }
        }
    }

    /// Nobody touches up a measured curve.
    @Test(.enabled(if: Repository.find("python3") != nil, "python3 is not installed"))
    func `the picture of the wave is drawn from its samples`() throws {
        let picture = try #require(Repository.run("python3", ["scripts/wave-picture"]))
        try #require(picture.status == 0, "\(picture.output)")
        let isKept = try picture.output == Repository.text("docs/bench/wave/wave.svg")
        #expect(isKept, "scripts/wave-picture > docs/bench/wave/wave.svg")
    }

    /// Figures in the README are measured; a place that still waits for one looks like `{{this}}`.
    @Test func `no figure is left out`() throws {
        for document in Repository.files where document.hasSuffix(".md") {
            let open = try Repository.text(document).matches(of: /\{\{[^}]*\}\}/).map { String($0.0) }
            #expect(open.isEmpty, "\(document): \(open.joined(separator: " "))")
        }
    }
}
