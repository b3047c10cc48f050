import Events

/// A report's sections in the order they are read.
extension ReportBase {
    /// Their keys, for whoever wants some of them only.
    package static let keys = [
        "classes", "change", "days", "funnel", "pace", "connect", "dnsbl", "dnsbl_test", "listings", "senders",
        "networks",
        "countries",
        "country_days", "systems", "rhythm", "retries", "repeaters", "slots", "ban_effect", "texts",
    ]

    /// Those that tell where sources belong.
    package static let placeKeys: Set<String> = ["countries", "country_days", "systems"]

    /// `nil` where there is nothing to say: no database of places, no span to compare with.
    package func section(_ key: String) -> Report.Section? {
        switch key {
        case "classes": classes
        case "change": change
        case "days": byDay
        case "funnel": funnel
        case "pace": pace
        case "connect": connect
        case "dnsbl": lists
        case "dnsbl_test": listTests?.section
        case "listings": listings
        case "senders": senders
        case "networks": networks
        case "countries": countries
        case "country_days": countryDays
        case "systems": systems
        case "rhythm": rhythm
        case "retries": retries
        case "repeaters": repeaters
        case "slots": slots
        case "ban_effect": banEffect
        case "texts": texts
        default: nil
        }
    }

    package func report(_ title: String, only keys: [String] = ReportBase.keys) -> Report {
        let begin = tally.instant(localSeconds: Int64(hours.lowerBound) * 3600)
        let end = tally.instant(localSeconds: Int64(hours.upperBound) * 3600)
        return Report(
            title: title, begin: begin, end: end,
            offsetSeconds: Int(Int64(hours.lowerBound) * 3600 - begin.seconds), hosts: hosts,
            sections: ReportBase.keys.filter(keys.contains).compactMap(section))
    }
}
