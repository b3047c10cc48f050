import Origins

/// Where countries are on a map.
struct World {
    /// A country's outline as the data of an SVG path, and the middle of a circle for one that is too small to be seen.
    struct Place {
        let country: Country
        let outline: String?
        let circle: (x: Int, y: Int)?
    }

    static let places: [Place] = {
        var places: [Place] = []
        for record in records() {
            guard let country = Country(record.prefix(2)) else { continue }
            let rest = record.dropFirst(3)
            let path = rest.firstIndex(of: "M")
            let numbers = rest[..<(path ?? rest.endIndex)].split(separator: " ").compactMap { Int($0) }
            places.append(
                Place(
                    country: country, outline: path.map { String(rest[$0...]) },
                    circle: numbers.count == 2 ? (numbers[0], numbers[1]) : nil))
        }
        return places
    }()

    static let countries = Set(places.map(\.country))

    private static func records() -> [String] {
        var records: [String] = []
        for line in outlines.split(separator: "\n") {
            if line.hasPrefix(" "), let last = records.indices.last {
                records[last] += line
            } else {
                records.append(String(line))
            }
        }
        return records
    }
}
