import Foundation
import Testing

/// A parsed JSON value; what is not there is `null`.
struct JSON {
    private nonisolated(unsafe) let value: Any?

    init(parsing text: String) throws {
        do { value = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) } catch {
            throw NotJSON(text: String(text.prefix(500)))
        }
    }

    static let null = JSON(nil)

    private init(_ value: Any?) { self.value = value is NSNull ? nil : value }

    /// One document for each line.
    static func lines(_ text: String) throws -> [JSON] {
        try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
            try JSON(parsing: String($0))
        }
    }

    subscript(key: String) -> JSON { JSON((value as? [String: Any])?[key]) }

    /// As text with its keys in order, to compare.
    var text: String {
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .fragmentsAllowed]
        let data = try? JSONSerialization.data(withJSONObject: value ?? NSNull(), options: options)
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    var isNull: Bool { value == nil || value is NSNull }
    var string: String? { value as? String }
    var int: Int? { (value as? NSNumber)?.intValue ?? value as? Int }
    var double: Double? { (value as? NSNumber)?.doubleValue ?? value as? Double }
    var bool: Bool? { value as? Bool }
    var isArray: Bool { value is [Any] }
    /// The elements; none of what is no array.
    var array: [JSON] { (value as? [Any] ?? []).map { JSON($0) } }
    var keys: Set<String> { Set((value as? [String: Any] ?? [:]).keys) }
}

struct NotJSON: Error { let text: String }
