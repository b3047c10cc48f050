import Addresses
import Events

/// The form that touches nothing: every change is answered as done.
package final class NoFirewall: Firewall {
    package init() {}

    package var form: String { "none" }
    package var endsBansByItself: Bool { true }
    package var hasCounters: Bool { false }
    package var nextDue: Instant? { nil }

    package func start(_ plan: FirewallPlan, at now: Instant) -> Adoption { Adoption() }
    package func change(to plan: FirewallPlan) {}
    package func apply(_ changes: [FirewallChange], at now: Instant) -> [ChangeResult] {
        changes.map { ChangeResult($0, .done) }
    }
    package func elements(for prefixes: [Prefix], in place: Element.Place) -> [Element] { [] }
    package func reconcile(_ wanted: [FirewallChange], at now: Instant) -> Reconciliation {
        Reconciliation(found: [], restored: [])
    }
    package func advance(to now: Instant) -> [ChangeResult] { [] }
    package func setAllowed(_ prefixes: [Prefix]) {}
    package func repair() -> Repairs { Repairs() }
    package func drops() -> Drops { Drops() }
    package func remove() {}
}
