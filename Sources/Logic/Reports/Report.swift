import Events
import Origins

/// What happened in a span of time, as tables that a terminal, JSON and a page all show: nothing here knows which.
package struct Report: Equatable, Sendable {
    package var title: String
    /// From `begin` up to, but without, `end`.
    package var begin: Instant
    package var end: Instant
    /// The zone that dates are shown in, seconds east of UTC at `begin`.
    package var offsetSeconds: Int
    /// Whose lines were counted.
    package var hosts: [String]
    package var sections: [Section]
    /// Who must be named for what is shown: vendor, date and licence of a location database.
    package var credits: [String] = []

    package init(
        title: String, begin: Instant, end: Instant, offsetSeconds: Int = 0, hosts: [String] = [],
        sections: [Section] = []
    ) {
        self.title = title
        self.begin = begin
        self.end = end
        self.offsetSeconds = offsetSeconds
        self.hosts = hosts
        self.sections = sections
    }
}

extension Report {
    /// One table and what may be drawn of it.
    package struct Section: Equatable, Sendable {
        /// Its name in JSON and as an anchor: lower case, `_` between words. Fixed once published.
        package var key: String
        package var title: String
        package var columns: [Column]
        package var rows: [[Cell]]
        /// Whole sentences below the table: estimates, bounds, what is missing.
        package var notes: [String]
        package var picture: Picture?

        package init(
            _ key: String, _ title: String, columns: [Column], rows: [[Cell]] = [], notes: [String] = [],
            picture: Picture? = nil
        ) {
            self.key = key
            self.title = title
            self.columns = columns
            self.rows = rows
            self.notes = notes
            self.picture = picture
        }
    }

    package struct Column: Equatable, Sendable {
        /// Its key in JSON; a figure's ends in its unit (`span_s`).
        package var key: String
        package var title: String

        package init(_ key: String, _ title: String) {
            self.key = key
            self.title = title
        }
    }

    package enum Cell: Equatable, Sendable {
        case none
        /// Foreign text is escaped already.
        case text(String)
        case count(Int)
        /// A count that is shown as `iptables -v` shows it: `391K`.
        case short(Int)
        /// A count that is an estimate, or a lower bound: shown with `~` or `>=`.
        case estimate(Int)
        case atLeast(Int)
        /// 0...1, shown in per cent with two decimals.
        case share(Double)
        /// How many times as much, shown as `x66.5`.
        case factor(Double)
        /// A figure with one decimal.
        case number(Double)
        case span(Duration)
        case time(Instant)
        case country(Country?)
    }
}

extension Report {
    /// What a section shows beside its table.
    package enum Picture: Equatable, Sendable {
        /// Horizontal bars: one for each row of the table, of the column with this key.
        case bars(column: String)
        case curve(Curve)
        /// Columns of several parts over days.
        case stack(Stack)
        /// Rows by columns of counts, such as weekdays by hours.
        case grid(Grid)
        case map(WorldCounts)
        /// Side by side, those of days in one scale, and those of differences in another.
        case maps([WorldCounts])
    }

    /// Slots over time, with what happened marked on it.
    package struct Curve: Equatable, Sendable {
        package var points: [(time: Instant, value: Int)]
        package var unit: String
        /// A level that cannot be passed, such as the MTA's slots.
        package var limit: Int?
        /// Spans to shade (waves).
        package var spans: [(begin: Instant, end: Instant, label: String)]
        /// Counts for an instant, drawn below: bans, sheds.
        package var marks: [(time: Instant, kind: String, count: Int)]

        package init(
            points: [(time: Instant, value: Int)], unit: String, limit: Int? = nil,
            spans: [(begin: Instant, end: Instant, label: String)] = [],
            marks: [(time: Instant, kind: String, count: Int)] = []
        ) {
            self.points = points
            self.unit = unit
            self.limit = limit
            self.spans = spans
            self.marks = marks
        }

        package static func == (left: Curve, right: Curve) -> Bool {
            left.unit == right.unit && left.limit == right.limit && left.points.elementsEqual(right.points, by: ==)
                && left.spans.elementsEqual(right.spans, by: ==) && left.marks.elementsEqual(right.marks, by: ==)
        }
    }

    package struct Stack: Equatable, Sendable {
        /// What stands below each column, such as a date.
        package var labels: [String]
        /// From the bottom up: `values` has a count for each label.
        package var parts: [(name: String, values: [Int])]

        package init(labels: [String], parts: [(name: String, values: [Int])]) {
            self.labels = labels
            self.parts = parts
        }

        package static func == (left: Stack, right: Stack) -> Bool {
            left.labels == right.labels && left.parts.elementsEqual(right.parts, by: ==)
        }
    }

    package struct Grid: Equatable, Sendable {
        package var rowLabels: [String]
        package var columnLabels: [String]
        /// By row, then column; `nil` where nothing was recorded.
        package var values: [[Int?]]

        package init(rowLabels: [String], columnLabels: [String], values: [[Int?]]) {
            self.rowLabels = rowLabels
            self.columnLabels = columnLabels
            self.values = values
        }
    }

    /// Counts by country for one day or span, or the difference of two.
    package struct WorldCounts: Equatable, Sendable {
        package var title: String
        package var counts: [Country: Int]
        /// Without a country, or with a code that no map has.
        package var unlocated: Int
        /// `counts` are differences and may be negative.
        package var isDifference: Bool

        package init(title: String, counts: [Country: Int], unlocated: Int, isDifference: Bool = false) {
            self.title = title
            self.counts = counts
            self.unlocated = unlocated
            self.isDifference = isDifference
        }
    }
}
