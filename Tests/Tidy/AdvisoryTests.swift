import Testing

/// What made other programs of this kind run commands or write over files: here there is nothing to run or write them
/// with. docs/decisions/advisories.md has the list.
@Suite struct ProgramAdvisoryTests {
    private static let sources = Repository.files(below: "Sources", ".swift", ".c", ".h")

    /// CVE-2012-5642, CVE-2021-32749, CVE-2011-1018: text of a log, or of a whois server, reached a shell or mail(1).
    @Test func `programs are started in one place, without a shell`() throws {
        let starts = ["popen(", "execv", "execl", "posix_spawn", "Glibc.system(", " = system(", "= Process("]
        let files = try Self.sources.filter { file in
            try Repository.lines(file).contains { line in
                !line.trimmed.hasPrefix("//") && starts.contains { line.contains($0) }
            }
        }
        #expect(files == ["Sources/Outputs/Netfilter/XTRecent.swift"])
        for line in try Repository.lines("Sources/Outputs/Netfilter/XTRecent.swift") {
            #expect(!line.contains("\"sh\"") && !line.contains("/sh\""), "\(line)")
        }
    }

    /// CVE-2009-5023: files of predictable names under /tmp, written as root.
    @Test func `nothing is written under a directory that everybody may write to`() throws {
        for file in Self.sources {
            for (number, line) in try Repository.lines(file).enumerated() where !line.trimmed.hasPrefix("//") {
                for word in ["\"/tmp", "\"/var/tmp", "/dev/shm", "tmpnam(", "tempnam(", "mktemp("] {
                    #expect(!line.contains(word), "\(file):\(number + 1)")
                }
            }
        }
    }
}
