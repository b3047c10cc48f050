import Events

/// A report's sections in the order they are read.
extension ReportBase {
    /// Their keys, for whoever wants some of them only.
    package static let keys = [
        "classes", "change", "days", "curve", "waves", "funnel", "pace", "connect", "dnsbl", "dnsbl_test", "listings",
        "senders",
        "networks",
        "countries",
        "country_days", "systems", "rhythm", "retries", "repeaters", "slots", "shedding", "ban_effect", "texts",
        "drops", "drops_change",
    ]

    /// Those that tell where sources belong.
    package static let placeKeys: Set<String> = ["countries", "country_days", "systems"]
    /// Those that have something of `watched`.
    package static let watchedKeys: Set<String> = ["curve", "waves", "slots", "shedding", "ban_effect"]

    /// `nil` where there is nothing to say: no database of places, no span to compare with.
    package func section(_ key: String) -> Report.Section? {
        switch key {
        case "classes": classes
        case "change": change
        case "days": byDay
        case "curve": curve
        case "waves": waves
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
        case "shedding": shedding
        case "ban_effect": banEffect
        case "texts": texts
        case "drops": dropped
        case "drops_change": dropChange
        default: nil
        }
    }

    package func report(_ title: String, only keys: [String] = ReportBase.keys) -> Report {
        let begin = begin
        return Report(
            title: title, begin: begin, end: end,
            offsetSeconds: Int(Int64(hours.lowerBound) * 3600 - begin.seconds), hosts: hosts,
            sections: ReportBase.keys.filter(keys.contains).compactMap(section))
    }
}
