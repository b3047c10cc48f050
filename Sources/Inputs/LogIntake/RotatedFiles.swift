import Glibc

/// The files that a rotation makes out of a log: plain files beside it that have its name with something behind
/// (`mail.log.1`, `mail.log-20261121`).
struct RotatedFile {
    var path: String
    var modified: timespec

    /// The oldest last-written first; at most `most`, the newest.
    static func beside(_ path: String) -> [RotatedFile] {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let base = slash.map { String(path[path.index(after: $0)...]) } ?? path
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var found: [RotatedFile] = []
        for _ in 0..<mostEntries {
            guard let entry = readdir(stream) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(base), let mark = name.utf8.dropFirst(base.utf8.count).first,
                separators.contains(mark), !compressedSuffixes.contains(where: name.hasSuffix)
            else { continue }
            let full = directory == "/" ? "/" + name : directory + "/" + name
            var status = stat()
            guard lstat(full, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else { continue }
            found.append(RotatedFile(path: full, modified: status.st_mtim))
        }
        found.sort { $0.modified < $1.modified }
        return found.suffix(most)
    }

    private static let most = 32
    /// Of a directory no more are looked at.
    private static let mostEntries = 65536
    static let separators: Set<UInt8> = [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")]
    /// What logrotate and savelog make by default or by example.
    static let compressedSuffixes = [".gz", ".bz2", ".xz", ".zst", ".Z", ".lz4", ".lzma"]
}

func < (left: timespec, right: timespec) -> Bool {
    left.tv_sec != right.tv_sec ? left.tv_sec < right.tv_sec : left.tv_nsec < right.tv_nsec
}
