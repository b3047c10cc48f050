import Configuration
import Glibc
import Posix

/// The configuration as it lies on disk: one file, then conf.d/*.toml beside it in the order of their names.
package enum SettingsFiles {
    package static let defaultPath = "/etc/breakwater/breakwater.toml"

    /// Reads and checks them. A default file that is missing means the defaults; any other missing file is an error.
    package static func read(_ path: String) throws(SystemError) -> SettingsReading {
        var files: [SettingsFile] = []
        do throws(SystemError) { files.append(try file(path, named: fileName(path))) } catch {
            guard error.code == ENOENT, path == defaultPath else { throw error }
        }
        let directory = parent(path) + "/conf.d"
        for name in try names(in: directory) {
            files.append(try file(directory + "/" + name, named: "conf.d/" + name))
        }
        return SettingsReading(files)
    }

    private static func file(_ path: String, named name: String) throws(SystemError) -> SettingsFile {
        // One byte more than is accepted, so that a file that is too long is refused and not cut.
        SettingsFile(
            name: name,
            text: String(decoding: try contents(of: path, limit: SettingsReading.mostBytes + 1), as: UTF8.self))
    }

    /// Names ending in .toml, hidden ones left out; none when there is no such directory.
    private static func names(in directory: String) throws(SystemError) -> [String] {
        guard let handle = opendir(directory) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw SystemError("opendir", directory)
        }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".toml"), !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "" : String(path[..<slash])
    }
}
