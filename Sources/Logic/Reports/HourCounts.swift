import Events

/// What one host's log told of one hour: counts only, so that two of them add up.
package struct HourCounts: Equatable, Sendable {
    package var connections = 0
    package var disconnects = 0
    package var accepted = 0
    /// Those of `accepted` after SMTP AUTH.
    package var authenticated = 0
    package var authFailures = 0
    package var saturations = 0
    /// The most connections that a saturation line stated.
    package var mostConnections = 0
    /// Events whose line gave several addresses in the peer's place, or none.
    package var withoutPeer = 0
    /// By a label's number: 5xx, 4xx, and those of both by which the list itself had failed.
    var rejections: [Rejections] = []

    package struct Rejections: Equatable, Sendable {
        package var permanent = 0
        package var temporary = 0
        package var listFailures = 0

        package init() {}

        /// 5xx and 4xx.
        var all: Int { permanent.plus(temporary) }

        package static func += (left: inout Rejections, right: Rejections) {
            left.permanent.add(right.permanent)
            left.temporary.add(right.temporary)
            left.listFailures.add(right.listFailures)
        }
    }

    /// What is no rejection.
    @inline(__always)
    mutating func count(_ event: Event) {
        switch event.kind {
        case .connect: connections += 1
        case .disconnect: disconnects += 1
        case .acceptance:
            accepted += 1
            if event.isAuthenticated { authenticated += 1 }
        case .authFailure: authFailures += 1
        case .saturation:
            saturations += 1
            mostConnections = max(mostConnections, event.connections ?? 0)
        case .rejection, .deferral: break
        }
    }

    @inline(__always)
    mutating func reject(_ label: Int, isPermanent: Bool, isListFailure: Bool) {
        while rejections.count <= label { rejections.append(Rejections()) }
        if isPermanent { rejections[label].permanent += 1 } else { rejections[label].temporary += 1 }
        if isListFailure { rejections[label].listFailures += 1 }
    }

    /// Adds another's counts, whose labels have these numbers here.
    mutating func add(_ other: HourCounts, labels: [Int]) {
        connections.add(other.connections)
        disconnects.add(other.disconnects)
        accepted.add(other.accepted)
        authenticated.add(other.authenticated)
        authFailures.add(other.authFailures)
        saturations.add(other.saturations)
        mostConnections = max(mostConnections, other.mostConnections)
        withoutPeer.add(other.withoutPeer)
        for (index, counts) in other.rejections.enumerated() where counts != Rejections() {
            let label = labels[index]
            while rejections.count <= label { rejections.append(Rejections()) }
            rejections[label] += counts
        }
    }
}
