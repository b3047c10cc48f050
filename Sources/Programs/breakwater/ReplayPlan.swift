import Configuration
import ControlProtocol
import Events
import SettingsFiles

/// The policies that a replay compares: as configured, then one for each group of `--set`, then one for each other file.
struct ReplayPlan {
    struct Column {
        let name: String
        let settings: Settings
    }
    let columns: [Column]
    /// Which of them the same command would be about if there were nothing to compare with.
    let main: Int
    /// How the logs are read, once for all of them.
    var reading: Settings { columns[main].settings }
    static let most = 8

    init(_ configured: Settings, changes: [String], against: [String]) throws {
        var columns = [Column(name: "as configured", settings: configured)]
        for group in try ReplayPlan.groups(changes) {
            var settings = configured
            for (key, value) in group {
                do throws(Complaint) { try settings.set(key, value) } catch {
                    throw Failure(ExitStatus.usage, error.description)
                }
            }
            let name = group.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            columns.append(Column(name: shown(name), settings: settings))
        }
        main = columns.count > 1 ? 1 : 0
        // What changes how logs are read and nothing else is no other policy.
        if columns.count == 2, !columns[1].settings.judgesOtherwise(than: configured), against.isEmpty {
            self.columns = [columns[1]]
            return
        }
        for path in against {
            let reading = try readConfiguration(path)
            guard reading.complaints.isEmpty else {
                throw Failure(ExitStatus.configuration, reading.complaints.map(\.description).joined(separator: "\n"))
            }
            let isOnlyOne = against.count { ReplayPlan.fileName($0) == ReplayPlan.fileName(path) } == 1
            columns.append(
                Column(name: shown(isOnlyOne ? ReplayPlan.fileName(path) : path), settings: reading.settings))
        }
        guard columns.count <= ReplayPlan.most else {
            throw Failure(ExitStatus.usage, "at most \(ReplayPlan.most) policies at a time")
        }
        self.columns = columns
    }

    private static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// A key that comes again begins the next group.
    private static func groups(_ changes: [String]) throws -> [[(key: String, value: String)]] {
        var groups: [[(key: String, value: String)]] = []
        for change in changes {
            guard let equals = change.firstIndex(of: "=") else {
                throw Failure(ExitStatus.usage, "--set \(shown(change)): expected key=value")
            }
            let pair = (key: String(change[..<equals]), value: String(change[change.index(after: equals)...]))
            if groups.isEmpty || groups[groups.count - 1].contains(where: { $0.key == pair.key }) { groups.append([]) }
            groups[groups.count - 1].append(pair)
        }
        return groups
    }
}

extension Settings {
    fileprivate func judgesOtherwise(than other: Settings) -> Bool {
        ban != other.ban || allow != other.allow || (shed.method == .off) != (other.shed.method == .off)
    }
}
