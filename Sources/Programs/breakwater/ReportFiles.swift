import ArgumentParser
import ControlProtocol
import CLinux
import Events
import Glibc
import Pictures
import Posix
import Reports

/// `report --html FILE` and `--svg DIR`: a report as files, each there as a whole or not at all.
struct ReportFiles: ParsableArguments {
    @Option(help: ArgumentHelp("One page that opens offline, to this file, - for standard output.", valueName: "file"))
    var html: String?
    @Option(help: ArgumentHelp("The pictures as SVG files, into this directory.", valueName: "dir"))
    var svg: String?

    var isEmpty: Bool { html == nil && svg == nil }

    /// Writes what is asked for; the names of the files, in the order in which they were written.
    func write(_ report: Report) throws -> [String] { try StateOwner.asCaller { try writeAll(report) } }

    private func writeAll(_ report: Report) throws -> [String] {
        var written: [String] = []
        if html == "-" {
            Terminal.write(Page.text(of: report, writer: "breakwater \(Breakwater.version)"), to: STDOUT_FILENO)
        } else if let html {
            try Self.replace(html, with: Page.text(of: report, writer: "breakwater \(Breakwater.version)"))
            written.append(html)
        }
        if let svg {
            try Self.makeDirectory(svg)
            for file in PictureFile.all(of: report) {
                let path = svg.hasSuffix("/") ? svg + file.name : svg + "/" + file.name
                try Self.replace(path, with: file.text)
                written.append(path)
            }
        }
        return written
    }

    private static func makeDirectory(_ path: String) throws {
        if mkdir(path, 0o777) == 0 { return }
        let code = errno
        guard code == EEXIST else { throw failure("create directory", path, code) }
        guard isDirectory(path) else { throw failure("create directory", path, ENOTDIR) }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Written beside it under a name of its own, then renamed: who reads it meanwhile has the old one.
    private static func replace(_ path: String, with text: String) throws {
        if isDirectory(path) { throw failure("write", path, EISDIR) }
        if isNoPlainFile(path) { return try write(text, into: path) }
        let beside = "\(path).\(getpid())"
        let descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure("write", path, errno) }
        var problem = written(text, to: descriptor)
        if close(descriptor) != 0, problem == 0 { problem = errno }
        if problem == 0, rename(beside, path) != 0 { problem = errno }
        guard problem == 0 else {
            unlink(beside)
            throw failure("write", path, problem)
        }
    }

    /// A device, a fifo or a link to one: another file in its place would be the end of it.
    private static func isNoPlainFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    private static func write(_ text: String, into path: String) throws {
        let descriptor = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("write", path, errno) }
        var problem = written(text, to: descriptor)
        if close(descriptor) != 0, problem == 0 { problem = errno }
        if problem != 0 { throw failure("write", path, problem) }
    }

    /// 0, or what went wrong.
    private static func written(_ text: String, to descriptor: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                if count < 0, errno != EINTR { return errno }
                done += max(0, count)
            }
            return 0
        }
    }

    private static func failure(_ what: String, _ path: String, _ code: Int32) -> Failure {
        let isDenied = code == EACCES || code == EPERM
        return Failure(
            isDenied ? ExitStatus.noPermission : 73, "cannot \(what) \(shown(path)): \(errnoText(code))")
    }
}
