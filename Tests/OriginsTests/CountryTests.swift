import Origins
import Testing

@Suite struct CountryTests {
    @Test func `every country of the map has a name`() {
        #expect(Country.named.count == 249)
        #expect(Country.named.allSatisfy { $0.name?.isEmpty == false })
    }

    @Test(
        arguments: [
            ("DE", "Germany"), ("vn", "Vietnam"), ("TR", "Türkiye"), ("XK", "Kosovo"), ("HK", "Hong Kong"), ("EU", nil),
            ("AP", nil), ("ZZ", nil),
        ] as [(String, String?)])
    func `codes and names`(code: String, name: String?) throws {
        #expect(try #require(Country(code)).name == name)
    }

    @Test(arguments: ["", "D", "DEU", "??", "D1", "ÄB"])
    func `what is no code`(text: String) { #expect(Country(text) == nil) }
}
