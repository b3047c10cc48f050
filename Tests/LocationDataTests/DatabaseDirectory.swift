import Addresses
import Foundation
import LocationData
import Testing

/// A root of its own with location databases in it, gone with its test.
final class DatabaseDirectory {
    let root: String

    init() throws {
        root = FileManager.default.temporaryDirectory.path + "/breakwater-locations-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// Puts `bytes` there as a new file, as an updater does.
    @discardableResult
    func put(_ bytes: Data, _ path: String) throws -> String {
        let whole = root + path
        try FileManager.default.createDirectory(
            atPath: (whole as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try bytes.write(to: URL(fileURLWithPath: whole), options: .atomic)
        return whole
    }

    /// Writes over the file that is there, as `cp` does.
    func overwrite(_ path: String, _ bytes: Data) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: root + path))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: bytes)
        try handle.close()
    }

    func databases(configured: [String] = []) -> LocationDatabases {
        LocationDatabases(LocationPlaces(configured: configured, in: root))
    }

    static func fixture(_ name: String) throws -> Data {
        try Data(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)"))
    }

    /// A fixture of the type "Test", as another one of that length: a file's type says what is looked for in it.
    static func fixture(_ name: String, ofType type: String) throws -> Data {
        var bytes = try fixture(name)
        let key = Data("database_type".utf8)
        let place = try #require(bytes.range(of: key, options: .backwards)).upperBound + 1
        #expect(bytes[place..<place + 4] == Data("Test".utf8))
        bytes.replaceSubrange(place..<place + 4, with: Data(type.utf8))
        return bytes
    }
}

/// The address of a table's row.
func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
