import Addresses
import Configuration
import ControlProtocol
import LocationData
import Origins
import SettingsFiles

/// Where addresses belong, for verbs that show it: the databases that the configuration names, then the usual places.
struct Locations {
    let databases: LocationDatabases

    init(_ settings: Settings) {
        databases = LocationDatabases(LocationPlaces(configured: settings.origins.databases))
    }

    /// As above; a configuration that cannot be read (as by the group that may only ask) leaves the usual places.
    init(_ common: CommonOptions) {
        let reading = try? SettingsFiles.read(common.config)
        self.init(reading?.settings ?? Settings())
    }

    /// For a verb that has nothing to show without a database.
    func require() throws {
        guard databases.isEmpty else { return }
        let problems = databases.takeProblems().map { "\n  \($0)" + ($0.remedy.map { " -> \($0)" } ?? "") }.joined()
        throw Failure(ExitStatus.noInput, "no location database: \(Locations.remedy)" + problems)
    }

    static let remedy = "apt install libloc1 libloc-database"

    /// To be said wherever something of a database was shown.
    var credits: [String] { databases.credits.map(\.description) }

    /// `CN China, AS4808 China Unicom Beijing`; `nil` for an address that no database has.
    func text(_ address: IPAddress) -> String? {
        guard let answer = databases.answer(address) else { return nil }
        let parts = [
            answer.origin.country.map(Locations.text), answer.origin.asn.map { Locations.text($0, answer.owner) },
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }

    static func text(_ country: Country) -> String { "\(country)" + (country.name.map { " \($0)" } ?? "") }

    static func text(_ asn: UInt32, _ owner: String?) -> String { "AS\(asn)" + (owner.map { " \($0)" } ?? "") }

    /// The same for machines.
    func fields(_ address: IPAddress) -> [(String, JSON)] {
        let answer = databases.answer(address)
        return [
            ("country", JSON(answer?.origin.country?.description)), ("asn", JSON(answer?.origin.asn.map { Int($0) })),
            ("owner", JSON(answer?.owner)), ("credits", .array(credits.map { .string($0) })),
        ]
    }
}
