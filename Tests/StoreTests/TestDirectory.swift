import Addresses
import Events
import Glibc
import Store
import Testing

/// A directory under /tmp that goes with its test.
final class TestDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/breakwater-store-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        umount2(state.path, Int32(MNT_DETACH))
        for name in names() where unlink(state.path + "/" + name) != 0 { rmdir(state.path + "/" + name) }
        if rmdir(state.path) != 0 { unlink(state.path) }
        rmdir(path)
    }

    var state: StateDirectory { StateDirectory(path + "/state") }

    /// What is in the directory; nothing when it is not there.
    func names() -> [String] {
        guard let directory = opendir(state.path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }

    func size(_ name: String = "breakwater.db") -> Int {
        var status = stat()
        return stat(state.path + "/" + name, &status) == 0 ? Int(status.st_size) : -1
    }

    func mode(_ path: String) -> UInt32 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt32(status.st_mode) & 0o777 : 0
    }

    /// Writes bytes into the database at an offset, as a failing disk would.
    func scribble(_ bytes: [UInt8], at offset: Int) throws {
        let file = try #require(fopen(state.databasePath, "r+"))
        defer { fclose(file) }
        fseek(file, offset, SEEK_SET)
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }
}

/// 2026-11-20 22:22:09 UTC.
let tonight = CivilTime(year: 2026, month: 11, day: 20, hour: 22, minute: 22, second: 9).instant()

func host(_ number: Int) -> Prefix { Prefix(IPAddress(v4: 0xc633_6400 &+ UInt32(truncatingIfNeeded: number))) }

func ban(_ number: Int, for span: Duration = .hours(1), since: Instant = tonight, count: Int = 1) -> StoredBan {
    StoredBan(
        Ban(
            prefix: host(number), since: since, until: since + span, timeout: span, why: "rbl:zen.example", count: count
        ))
}

extension TestDirectory {
    func writer(at now: Instant = tonight) throws -> StoreWriter { try StoreWriter(state, now: { now }) }
}
