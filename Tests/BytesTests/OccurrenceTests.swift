import Bytes
import Testing

@Suite struct OccurrenceTests {
    @Test(arguments: [
        ("", "", 0..<0), ("abc", "", 0..<0), ("abc", "abc", 0..<3), ("aab", "ab", 1..<3), ("ab ab", "ab", 0..<2),
        ("näh /mmdb", "mmdb", 6..<10),
    ])
    func `the first place of a text is found`(text: String, wanted: String, place: Range<Int>) throws {
        let found = try #require(text.occurrence(of: wanted))
        #expect(text.utf8.distance(from: text.startIndex, to: found.lowerBound) == place.lowerBound)
        #expect(text.utf8.distance(from: text.startIndex, to: found.upperBound) == place.upperBound)
        #expect(text[found] == wanted)
    }

    @Test(arguments: [("", "a"), ("ab", "abc"), ("aba", "bb"), ("Abc", "abc")])
    func `what is not there is not found`(text: String, wanted: String) {
        #expect(text.occurrence(of: wanted) == nil)
    }
}
