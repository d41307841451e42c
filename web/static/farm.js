// Follows a log live: rows that the server has rendered (and escaped) are added as server-sent events bring them.
"use strict";

(() => {
  const MOST_ROWS = 5000; // rows that stay in the page while it follows
  const followed = new WeakSet();

  function follow(place) {
    followed.add(place);
    const rows = document.getElementById("log-rows");
    const toggle = document.getElementById("follow");
    const extent = document.getElementById("log-extent");
    const source = new URL(place.dataset.follow, location.href);
    let lines = Number(place.dataset.lines);
    let stream = null;
    let ended = false;
    let programmatic = false;
    let height = window.scrollY;

    const say = (text) => {
      if (place.textContent !== text) place.textContent = text;
    };

    function toEnd() {
      programmatic = true;
      window.scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
      height = window.scrollY;
    }

    function add(html) {
      const template = document.createElement("template");
      template.innerHTML = html;
      const arrived = template.content;
      lines += arrived.querySelectorAll("li").length;
      const last = rows.lastElementChild;
      const first = arrived.firstElementChild;
      if (last && first && last.dataset.step === first.dataset.step) {
        last.querySelector("ol").append(...first.querySelectorAll("li"));
        first.remove();
      }
      rows.append(arrived);
    }

    function prune() {
      let surplus = rows.getElementsByTagName("li").length - MOST_ROWS;
      while (surplus > 0) {
        const block = rows.querySelector("details.step");
        const items = block.querySelectorAll("li");
        if (items.length <= surplus) {
          block.remove();
          surplus -= items.length;
        } else {
          for (let index = 0; index < surplus; index += 1) items[index].remove();
          surplus = 0;
        }
        if (!document.getElementById("log-earlier")) {
          const link = document.createElement("a");
          link.id = "log-earlier";
          link.href = place.dataset.beginning;
          link.textContent = "Earlier lines";
          extent.after(" ", link);
        }
      }
    }

    function tell() {
      const first = rows.querySelector("li");
      if (first) extent.textContent = `Lines ${first.id.slice(1)}\u2013${lines} of ${lines}`;
    }

    function start() {
      stream = new EventSource(source);
      stream.addEventListener("open", () => say("Live"));
      stream.addEventListener("rows", (event) => {
        add(event.data);
        source.searchParams.set("offset", event.lastEventId);
        if (toggle.checked) {
          prune();
          toEnd();
        } else if (rows.getElementsByTagName("li").length > MOST_ROWS) {
          stop();
          say("Paused: tick Follow to go on");
        }
        tell();
      });
      stream.addEventListener("end", () => {
        ended = true;
        stop();
        say("The attempt has ended");
        toggle.closest("label").hidden = true;
      });
      stream.addEventListener("error", () => {
        if (!ended) say(stream && stream.readyState === EventSource.CLOSED ? "Not live: reload to go on" : "Connecting again");
      });
    }

    function stop() {
      if (stream) stream.close();
      stream = null;
    }

    toggle.addEventListener("change", () => {
      if (!toggle.checked) return;
      if (!stream && !ended) start();
      toEnd();
    });
    // Who scrolls up wants to read; who comes back to the end wants to follow again.
    window.addEventListener("scroll", () => {
      const up = window.scrollY < height;
      height = window.scrollY;
      if (programmatic) {
        programmatic = false;
        return;
      }
      if (up) toggle.checked = false;
    }, { passive: true });
    window.addEventListener("pagehide", stop);

    say("Connecting");
    if (location.hash) toggle.checked = false;
    start();
  }

  function look() {
    for (const place of document.querySelectorAll("[data-follow]")) {
      if (!followed.has(place)) follow(place);
    }
  }

  // A line's number is a link that also works on another day; within the page it only marks the line.
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".lines li > a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    for (const marked of document.querySelectorAll(".lines li.marked")) marked.classList.remove("marked");
    link.parentElement.classList.add("marked");
    history.replaceState(null, "", link.href);
  });

  document.addEventListener("htmx:after:swap", look);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", look);
  else look();
})();
