import Addresses
import Events
import Glibc
import Origins

/// Where addresses belong, by the location databases of this host: the first file that has countries and the first that
/// has AS numbers, which may be one and the same.
///
/// Files are copied into memory before they are read (`bw_sealed_copy`): whoever overwrites one in place changes nothing
/// here, and what he put there is taken up by the next `refresh`. A file that turns out to be broken counts as absent from
/// then on, and the next candidate takes its place. Not `Sendable`, for one thread; never on the way from a line to a ban.
package final class LocationDatabases {
    /// What became of one file that could have been used.
    package struct Source: Sendable {
        package var path: String
        package var credit: Credit
        package var date: Instant
        package var tellsCountry: Bool
        package var tellsNumber: Bool
    }

    private struct Open: Equatable {
        let path: String
        let identity: FileIdentity
        let file: any LocationFile

        static func == (left: Open, right: Open) -> Bool { left.file === right.file }
    }

    private let places: LocationPlaces
    private var country: Open?
    private var number: Open?
    /// Files that are not used, as they were when that was found.
    private var rejected: [String: (identity: FileIdentity?, problem: LocationProblem)] = [:]
    private var news: [LocationProblem] = []
    /// What there is in files that were opened, so that none is copied again for what another one has already.
    private var contents: [String: (identity: FileIdentity, hasCountries: Bool, hasNumbers: Bool)] = [:]

    package init(_ places: LocationPlaces) {
        self.places = places
        choose()
    }

    // MARK: - Asking

    /// `nil` when no database knows the address, or there is none.
    /// Addresses in their order take a third of the time: neighbours stand beside each other in a database too.
    package func origin(of address: IPAddress) -> Origin? { answer(address, withOwner: false)?.origin }

    /// Origin, owner and the databases' own networks around an address.
    package func answer(_ address: IPAddress) -> Answer? { answer(address, withOwner: true) }

    private func answer(_ address: IPAddress, withOwner: Bool) -> Answer? {
        var answer = Answer()
        if let (open, place) = look(up: address, .country, withOwner) {
            answer.origin.country = place.origin.country
            answer.countryNetwork = place.network
            if open.file === number?.file { take(place, withOwner, &answer) }
        }
        if answer.numberNetwork == nil, let (_, place) = look(up: address, .number, withOwner) {
            take(place, withOwner, &answer)
        }
        return answer.countryNetwork == nil && answer.numberNetwork == nil ? nil : answer
    }

    package struct Answer: Equatable, Sendable {
        package var origin = Origin()
        package var owner: String?
        package var countryNetwork: Prefix?
        package var numberNetwork: Prefix?
    }

    /// The owner of an AS, as far as a database names it.
    package func owner(of asn: UInt32) -> String? {
        while let open = number {
            do throws(LocationProblem) { return try open.file.owner(of: asn) } catch { drop(open, error) }
        }
        return nil
    }

    /// Whether there is anything to ask.
    package var isEmpty: Bool { country == nil && number == nil }

    /// The files in use, that of the countries first.
    package var sources: [Source] {
        let used = [country, number == country ? nil : number].compactMap { $0 }
        return used.map { open in
            Source(
                path: open.path, credit: open.file.credit, date: open.file.date,
                tellsCountry: open == country, tellsNumber: open == number)
        }
    }

    /// For whatever shows an origin.
    package var credits: [Credit] { sources.map(\.credit) }

    /// Why files that could have been used are not, each once.
    package func takeProblems() -> [LocationProblem] {
        defer { news = [] }
        return news
    }

    private func take(_ place: Location, _ withOwner: Bool, _ answer: inout Answer) {
        answer.numberNetwork = place.network
        answer.origin.asn = place.origin.asn
        if withOwner { answer.owner = place.owner ?? place.origin.asn.flatMap { owner(of: $0) } }
    }

    private enum Role { case country, number }

    private func look(up address: IPAddress, _ role: Role, _ withOwner: Bool) -> (Open, Location)? {
        while let open = role == .country ? country : number {
            do throws(LocationProblem) {
                return try open.file.look(up: address, withOwner: withOwner).map { (open, $0) }
            } catch {
                drop(open, error)
            }
        }
        return nil
    }

    // MARK: - Choosing

    /// Looks whether files were replaced, came or went, and opens what is new. For every minute or so: without news it is
    /// a stat(2) for each file there is.
    package func refresh() {
        rejected = rejected.filter { $0.value.identity == FileIdentity($0.key) }
        choose()
    }

    private func drop(_ open: Open, _ problem: LocationProblem) {
        reject(open.path, open.identity, problem)
        choose()
    }

    private func reject(_ path: String, _ identity: FileIdentity?, _ problem: LocationProblem) {
        rejected[path] = (identity, problem)
        news.append(problem)
    }

    private func choose() {
        let former = [country, number].compactMap { $0 }
        (country, number) = (nil, nil)
        for path in places.candidates where country == nil || number == nil {
            guard rejected[path] == nil, isWanted(path), let open = open(path, former) else { continue }
            if country == nil, open.file.hasCountries { country = open }
            if number == nil, open.file.hasNumbers { number = open }
        }
    }

    private func isWanted(_ path: String) -> Bool {
        guard let known = contents[path], known.identity == FileIdentity(path) else { return true }
        return country == nil && known.hasCountries || number == nil && known.hasNumbers
    }

    private func open(_ path: String, _ former: [Open]) -> Open? {
        let identity = FileIdentity(path)
        if let same = former.first(where: { $0.path == path && $0.identity == identity }) { return same }
        do throws(LocationProblem) {
            let (file, identity) = try LocationOpening.open(path)
            contents[path] = (identity, file.hasCountries, file.hasNumbers)
            return Open(path: path, identity: identity, file: file)
        } catch {
            reject(path, identity, error)
            return nil
        }
    }
}
