import Glibc

/// The files that a pattern of glob(7) stands for now: logs, not what a rotation has made of them.
package struct PathPattern {
    package let text: String
    /// Files left out because there were more than `most`; the least recently written.
    package private(set) var leftOut = 0
    package static let most = 64
    /// The names there were at the first look: lines that were in them before are not news.
    private var known: Set<String>?

    package struct File: Equatable {
        package let path: String
        /// It came since the first look.
        package let isNew: Bool
    }

    package init(_ text: String) { self.text = text }

    /// Plain files, and links to them, in the order of their names. Of several names of one file the first.
    package mutating func files() -> [File] {
        var found = glob_t()
        defer { globfree(&found) }
        _ = glob(text, GLOB_NOSORT, nil, &found)
        var files: [(path: String, identity: Tail.Identity, modified: timespec)] = []
        // Directories of hosts that a log server keeps for years can hold many files.
        for index in 0..<min(Int(found.gl_pathc), PathPattern.mostMatches) {
            guard let name = found.gl_pathv[index] else { continue }
            var status = stat()
            guard stat(name, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            files.append((String(cString: name), Tail.Identity(status), status.st_mtim))
        }
        let names = Set(files.map(\.path))
        let before = known ?? names
        known = before
        files.removeAll { isRotated($0.path, beside: names) }
        files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        var seen: Set<Tail.Identity> = []
        files.removeAll { !seen.insert($0.identity).inserted }
        leftOut = max(0, files.count - PathPattern.most)
        if leftOut > 0 {
            files.sort { $1.modified < $0.modified }
            files.removeLast(leftOut)
            files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        }
        return files.map { File(path: $0.path, isNew: !before.contains($0.path)) }
    }

    private static let mostMatches = 65536

    /// `mail.log.1`, `mail.log-20261121`, `mail.log.old` where `mail.log` is, and whatever is compressed: the follower
    /// of the log itself reads those when it has to.
    private func isRotated(_ path: String, beside names: Set<String>) -> Bool {
        if RotatedFile.compressedSuffixes.contains(where: path.hasSuffix) { return true }
        let bytes = path.utf8
        var index = bytes.endIndex
        // What a rotation puts behind a name is shorter.
        for _ in 0..<min(32, bytes.count) {
            index = bytes.index(before: index)
            guard RotatedFile.separators.contains(bytes[index]), names.contains(String(path[..<index])),
                let next = bytes[bytes.index(after: index)...].first
            else { continue }
            return isDigit(next) || path[bytes.index(after: index)...] == "old"
        }
        return false
    }

    private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
