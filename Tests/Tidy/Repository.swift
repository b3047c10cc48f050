import Foundation

/// This checkout: its files as text, and programs run in it.
///
/// Files are those that git tracks; a source archive without git is walked instead.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path(percentEncoded: false)

    /// Paths from the root on, in order.
    static let files: [String] = {
        // Under sudo the checkout belongs to somebody else, which git would refuse.
        let git = run("git", ["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"])
        if let git, git.status == 0 {
            return git.output.split(separator: "\n").map(String.init).filter(exists).sorted()
        }
        let walker = FileManager.default.enumerator(atPath: root)
        let all = walker.map { $0.compactMap { $0 as? String } } ?? []
        return all.filter { !$0.hasPrefix(".build") && !$0.hasPrefix(".git/") && isFile($0) }.sorted()
    }()

    static func files(below folder: String, _ suffixes: String...) -> [String] {
        files.filter { file in file.hasPrefix(folder + "/") && suffixes.contains { file.hasSuffix($0) } }
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root + "/" + path) }

    private static func isFile(_ path: String) -> Bool {
        var isDirectory = ObjCBool(false)
        return FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isDirectory)
            && !isDirectory.boolValue
    }

    /// Bytes that are no UTF-8 are replaced: fixtures hold such on purpose.
    static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: root + "/" + path)), as: UTF8.self)
    }

    static func lines(_ path: String) throws -> [Substring] {
        try text(path).split(separator: "\n", omittingEmptySubsequences: false)
    }

    struct Outcome {
        let status: Int32
        /// stdout and stderr, as they came.
        let output: String
    }

    /// Runs a program found through PATH, or by its path, in the root; `nil` when there is none.
    static func run(_ program: String, _ arguments: [String]) -> Outcome? {
        guard let path = program.contains("/") ? program : find(program) else { return nil }
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: root)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        guard (try? process.run()) != nil else { return nil }
        let output = (try? pipe.fileHandleForReading.readToEnd()) ?? nil
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: String(decoding: output ?? Data(), as: UTF8.self))
    }

    static func find(_ program: String) -> String? {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// The folder that holds this test's own binary and, beside it, the programs of this build.
    static let build = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()

    /// A program of this build, by its path.
    static func built(_ name: String) -> String? {
        // The runner is the test binary itself, or a helper of the toolchain that was given its path.
        let folders = [build] + CommandLine.arguments.map { URL(filePath: $0).deletingLastPathComponent() }
        return folders.map { $0.appending(path: name).path(percentEncoded: false) }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
