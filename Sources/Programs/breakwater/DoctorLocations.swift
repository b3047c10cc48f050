import Events
import LocationData
import Posix

/// What `doctor` finds of location databases: which are used, how old their data is, whom to credit, how to get one.
extension Examination {
    mutating func checkLocations() {
        let databases = Locations(settings).databases
        for source in databases.sources {
            let what =
                source.tellsCountry && source.tellsNumber
                ? "countries and AS numbers" : source.tellsCountry ? "countries" : "AS numbers"
            let credit = source.credit
            let text = "\(what) from \(shown(source.path)): \(credit.vendor), \(credit.date), \(credit.licence)"
            let age = LocalTime.now - source.date
            if age > Examination.oldLocations {
                add(
                    .warn, "origins", text + "; \(age.nanoseconds / Duration.days(365).nanoseconds) years old",
                    source.path.hasSuffix(".mmdb") ? "get a newer one" : "apt install location, which updates itself")
            } else {
                add(.ok, "origins", text)
            }
        }
        for problem in databases.takeProblems() { add(.warn, "origins", problem.description, problem.remedy) }
        if databases.isEmpty {
            add(
                .warn, "origins", "no location database: lists and reports know no countries and networks' owners",
                Locations.remedy)
        }
    }

    /// Addresses change hands: of data older than this a share is wrong that shows.
    private static let oldLocations = Duration.days(730)
}
