// swift-tools-version: 6.2
import PackageDescription

// Language mode 6 comes with the tools version; every warning of ours is an error.
// Builds also pass `--explicit-target-dependency-import-check error` (scripts/prepare), which
// rejects an import that is not declared here.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]

extension Target {
    /// One folder of the pipeline: `Sources/<ring>/<name>`, with its tests in `Tests/<name>Tests`.
    static func ours(_ ring: String, _ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
        .target(name: name, dependencies: dependencies, path: "Sources/\(ring)/\(name)", swiftSettings: strict)
    }
    static func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
        .executableTarget(
            name: name, dependencies: dependencies, path: "Sources/Programs/\(name)", swiftSettings: strict)
    }
    /// Fixtures are read where they lie, by #filePath.
    static func tests(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
        .testTarget(
            name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude, swiftSettings: strict)
    }
}

let package = Package(
    name: "breakwater",
    products: [
        .executable(name: "breakwaterd", targets: ["breakwaterd"]),
        .executable(name: "breakwater", targets: ["breakwater"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // What we hear.
        .ours("Inputs", "LogIntake", ["Addresses", "Events", "CJournal", "CLinux", "Posix"]),
        .ours("Inputs", "ConnectionSampler", ["Addresses", "Events", "Netlink", "ProcFS", "Posix"]),
        .ours("Inputs", "LocationData", ["Addresses", "Bytes", "Events", "Origins", "CLocation", "Posix"]),
        .ours("Inputs", "SettingsFiles", ["Configuration", "Posix"]),
        .ours("Inputs", "MailServer", ["Bytes", "Events", "Posix", "ProcFS"]),
        .ours("Inputs", "NameServers", ["Addresses", "Events", "Posix"]),
        // What we conclude; pure.
        .ours("Logic", "Bytes"),
        .ours("Logic", "Addresses", ["Bytes"]),
        .ours("Logic", "Events", ["Addresses", "Bytes"]),
        .ours("Logic", "Configuration", ["Addresses", "Events"]),
        .ours("Logic", "Dialects", ["Addresses", "Bytes", "Events"]),
        .ours("Logic", "Policy", ["Addresses", "Events", "Configuration"]),
        .ours("Logic", "Waves", ["Addresses", "Events"]),
        .ours("Logic", "Origins"),
        .ours("Logic", "Reports", ["Addresses", "Bytes", "Events", "Origins", "Waves"]),
        .ours("Logic", "Pictures", ["Events", "Origins", "Reports"]),
        .ours("Logic", "BanLists", ["Addresses", "Events"]),
        .ours("Logic", "ControlProtocol", ["Addresses", "Events"]),
        // What we do.
        .ours("Outputs", "Netfilter", ["Addresses", "Events", "Netlink", "Posix", "CNetfilter", "CLinux"]),
        .ours("Outputs", "Shedding", ["Addresses", "Events", "Netlink", "ProcFS", "Posix", "CLinux"]),
        .ours("Outputs", "Store", ["Addresses", "Events", "Posix", "CSQLite"]),
        // What people run.
        .program(
            "breakwaterd",
            [
                "Addresses",
                "CLinux",
                "Configuration",
                "ConnectionSampler",
                "ControlProtocol",
                "Dialects",
                "Events",
                "LocationData",
                "LogIntake",
                "MailServer",
                "Netfilter",
                "Netlink",
                "Policy",
                "Posix",
                "ProcFS",
                "Reports",
                "SettingsFiles",
                "Shedding",
                "Store",
                "Waves",
            ]),
        .program(
            "breakwater",
            [
                "Addresses",
                "Archives",
                "BanLists",
                "CLinux",
                "Configuration",
                "ConnectionSampler",
                "ControlProtocol",
                "Dialects",
                "Events",
                "LocationData",
                "LogIntake",
                "MailServer",
                "NameServers",
                "Netfilter",
                "Netlink",
                "Origins",
                "Pictures",
                "Policy",
                "Posix",
                "ProcFS",
                "Reports",
                "SettingsFiles",
                "Shedding",
                "Store",
                "Waves",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        // How we ask the kernel.
        .target(name: "CJournal", path: "Sources/System/CJournal"),
        .target(name: "CLinux", path: "Sources/System/CLinux"),
        .target(name: "CLocation", path: "Sources/System/CLocation"),
        .ours("System", "Archives", ["CArchives", "Posix"]),
        .ours("System", "Posix", ["Addresses", "Events", "CLinux"]),
        .ours("System", "Netlink", ["Addresses", "Posix", "CLinux", "CNetfilter"]),
        .ours("System", "ProcFS", ["Addresses", "Posix", "CLinux"]),
        .systemLibrary(
            name: "CNetfilter", path: "Sources/System/CNetfilter", pkgConfig: "libnftnl libmnl",
            providers: [.apt(["libmnl-dev", "libnftnl-dev"])]),
        .systemLibrary(
            name: "CArchives", path: "Sources/System/CArchives", pkgConfig: "zlib liblzma libzstd",
            providers: [.apt(["zlib1g-dev", "liblzma-dev", "libzstd-dev"])]),
        .systemLibrary(
            name: "CSQLite", path: "Sources/System/CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]),
        // Tests, a folder each.
        .tests("BytesTests", ["Bytes"]),
        .tests("AddressesTests", ["Addresses"]),
        .tests("EventsTests", ["Addresses", "Events"]),
        .tests("ConfigurationTests", ["Addresses", "Events", "Configuration"]),
        .tests("DialectsTests", ["Addresses", "Events", "Dialects"], exclude: ["Fixtures"]),
        .tests("OriginsTests", ["Origins"]),
        .tests("PolicyTests", ["Addresses", "Events", "Configuration", "Policy", "Posix", "ProcFS"]),
        .tests("PicturesTests", ["Events", "Origins", "Reports", "Pictures"]),
        .tests("WavesTests", ["Addresses", "Events", "Dialects", "Waves"], exclude: ["Fixtures"]),
        .tests("ProcFSTests", ["ProcFS"]),
        .tests(
            "ReportsTests",
            ["Addresses", "Dialects", "Events", "Origins", "Posix", "Reports", "Store", "Waves"],
            exclude: ["Fixtures"]),
        .tests("BanListsTests", ["Addresses", "Events", "BanLists"]),
        .tests("ControlProtocolTests", ["Addresses", "Events", "ControlProtocol"]),
        .tests("LogIntakeTests", ["Addresses", "Events", "LogIntake", "Posix"]),
        .tests("ArchivesTests", ["Archives", "Posix"]),
        .tests("LocationDataTests", ["Addresses", "LocationData", "Origins"], exclude: ["Fixtures"]),
        .tests("MailServerTests", ["Events", "MailServer"]),
        .tests("NameServersTests", ["Addresses", "Events", "NameServers"]),
        .tests("StoreTests", ["Addresses", "Events", "Store", "Posix", "StoreHelper"]),
        // A process of its own, for the test that ends it with SIGKILL.
        .executableTarget(
            name: "StoreHelper", dependencies: ["Addresses", "Events", "Store", "Posix"], path: "Tests/StoreHelper",
            swiftSettings: strict),
        // Pages and pictures of reports that are made up, for the tests that look at them in a browser.
        .executableTarget(
            name: "ReportHelper", dependencies: ["Addresses", "Events", "Origins", "Reports", "Pictures", "Waves"],
            path: "Tests/ReportHelper",
            exclude: ["Fixtures"], swiftSettings: strict),
        // The tree itself: format, imports, manual pages against the programs' own help.
        .tests("Tidy", []),
        // Started by scripts/test inside a network namespace of their own.
        .tests(
            "Namespaces",
            [
                "Addresses", "Events", "Configuration", "Policy", "Netlink", "Netfilter", "Shedding",
                "ConnectionSampler", "ProcFS", "Posix", "Reports", "CLinux",
            ], exclude: ["Fixtures"]),
        // Started by scripts/test as root: the programs themselves, a real Courier and a real nftables, in scripts/lab.
        .tests("Lab", [], exclude: ["Fixtures"]),
    ]
)

// The fuzz targets: built by scripts/fuzz alone, since libFuzzer brings a main of its own.
if Context.environment["BREAKWATER_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "Archives", "BanLists", "LogIntake", "ConnectionSampler", "MailServer", "NameServers", "Reports",
                "Addresses",
                "Events", "Configuration", "Dialects", "ControlProtocol", "Netfilter", "Shedding", "Netlink", "ProcFS",
                "Posix", "CNetfilter",
            ], path: "Tests/Fuzz", exclude: ["Dictionaries", "Seeds"], swiftSettings: strict))
}
