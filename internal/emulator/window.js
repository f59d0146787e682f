"use strict";
const $ = id => document.getElementById(id);
let ahead = 0, frozen = null; // the emulator's clock, beside this one

function make(tag, className, ...inner) {
	const element = document.createElement(tag);
	element.className = className;
	element.append(...inner);
	return element;
}

const now = () => frozen ?? new Date(Date.now() + ahead);
const clock = time => time.toISOString().replace("T", " ").slice(0, 19) + " UTC";

// span is a duration in its two largest units.
function span(ms) {
	let seconds = Math.max(0, Math.round(ms / 1000));
	const parts = [];
	for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
		const n = Math.floor(seconds / size);
		seconds -= n * size;
		if (n > 0) parts.push(n + " " + unit);
	}
	return parts.slice(0, 2).join(" ") || "0 s";
}

function tick() {
	$("now").textContent = clock(now());
	for (const element of document.querySelectorAll("[data-until]")) {
		const until = new Date(element.dataset.until), left = until - now();
		element.textContent = (left > 0 ? "until " : "expired ") + clock(until) + (left > 0 ? ", " + span(left) + " left" : "");
		element.closest(".row").classList.toggle("over", left <= 0);
	}
}

function say(text) { $("link").textContent = text; }

async function act(fields) {
	try {
		const response = await fetch("window/act", { method: "POST", body: new URLSearchParams(fields) });
		if (!response.ok) return say(await response.text());
		say("Connected");
		const { Location } = await response.json();
		if (Location) window.open(Location, "_blank", "noopener"); // where a login waits for its user
	} catch (error) {
		say(error.message);
	}
}

function decision(row, decide, label) {
	const button = make("button", decide === "approve" ? "first" : "", label);
	button.id = decide + row.Decide;
	button.setAttribute("aria-label", label + " " + row.Name + ", " + row.Detail);
	button.onclick = () => act({ do: decide, id: row.Decide });
	return button;
}

function showRow(row) {
	const element = make("div", "row", make("p", "name", row.Name));
	if (row.Of) {
		const bar = make("meter", "");
		Object.assign(bar, { max: row.Of, value: row.Used, ariaLabel: row.Name });
		element.append(bar);
	}
	if (row.Detail) element.append(make("p", "quiet", row.Detail));
	if (row.Until) {
		const until = make("p", "quiet");
		until.dataset.until = row.Until;
		element.append(until);
	}
	if (row.Decide) element.append(make("div", "buttons", decision(row, "approve", "Approve"), decision(row, "deny", "Deny")));
	return element;
}

// showSection replaces a section only if it has changed, and keeps the focus.
function showSection(data, i) {
	const element = $("section" + i) ?? $("sections").appendChild(Object.assign(make("section", ""), { id: "section" + i }));
	const text = JSON.stringify(data), rows = data.Rows ?? [];
	if (element.shown === text) return;
	element.shown = text;
	element.className = rows.length + data.More ? "" : "empty";
	const focus = document.activeElement?.id;
	element.replaceChildren(make("h2", "", data.Title + " ", make("span", "count", String(rows.length + data.More || "none"))), ...rows.map(showRow));
	if (data.More) element.append(make("p", "quiet", data.More + " more are not shown."));
	if (focus && document.activeElement?.id !== focus) $(focus)?.focus();
}

function showExchange(data) {
	const failed = data.Status === 0 || data.Status >= 400;
	const head = make("summary", "", make("span", "at", data.At.slice(11, 19)), make("span", "name", data.Operation),
		make("span", "status", (data.Status || "no response") + ", " + (data.Micros / 1000).toFixed(1) + " ms"));
	if (data.Caller) head.append(make("span", "wide", data.Caller));
	if (data.Reason) head.append(make("span", "wide reason", data.Reason));
	const details = make("details", failed ? "failed" : "", head);
	details.ontoggle = async () => {
		if (!details.open || details.children.length > 1) return;
		const sent = details.appendChild(make("pre", "", "…")), received = details.appendChild(make("pre", ""));
		try {
			const response = await fetch("window/exchange?n=" + data.N);
			if (!response.ok) throw new Error(await response.text());
			const text = await response.json();
			sent.textContent = text.Sent;
			received.textContent = text.Received;
		} catch (error) {
			sent.textContent = error.message;
		}
	};
	$("exchanges").prepend(details);
}

const events = new EventSource("window/events");
events.onopen = () => { say("Connected"); $("exchanges").replaceChildren(); };
events.onerror = () => say("Not connected");
events.addEventListener("state", event => {
	const { Now, State } = JSON.parse(event.data);
	frozen = State.Frozen ? new Date(Now) : null;
	ahead = new Date(Now) - Date.now();
	$("frozen").textContent = State.Frozen ? "(it stands)" : "(it runs)";
	State.Sections.forEach(showSection);
	tick();
});
events.addEventListener("exchanges", event => {
	$("none").hidden = true;
	JSON.parse(event.data).forEach(showExchange);
	while ($("exchanges").children.length > 200) $("exchanges").lastChild.remove();
});

for (const id of ["advance", "fault"]) $(id).onsubmit = event => {
	event.preventDefault();
	act(new FormData(event.target));
};
for (const button of document.querySelectorAll("[data-by]")) button.onclick = () => act({ do: "advance", by: button.dataset.by });
document.querySelector("[data-do]").onclick = () => act({ do: "clear" });
setInterval(tick, 1000);
