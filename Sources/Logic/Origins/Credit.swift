/// Who has to be named wherever something is shown that a location database told: their licences ask for it.
package struct Credit: Hashable, Sendable, CustomStringConvertible {
    package var vendor: String
    /// The day the data is of, `2022-10-29`: not that of its package or file.
    package var date: String
    package var licence: String

    package init(vendor: String, date: String, licence: String) {
        self.vendor = vendor
        self.date = date
        self.licence = licence
    }

    package var description: String { "IP location data: \(vendor), \(date), \(licence)" }
}
