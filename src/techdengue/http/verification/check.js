"use strict";
// Compares a file with the report's SHA-256: in this browser, or by the server where the page is not secure (plain HTTP).
const file = document.getElementById("file");
const verdict = document.getElementById("verdict");

function tell(text, kind) {
  verdict.textContent = text;
  verdict.className = kind;
}

async function isGenuine(chosen) {
  if (window.crypto && crypto.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await chosen.arrayBuffer()));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex === document.getElementById("sha256").textContent.trim();
  }
  const asked = await fetch("/api/reports/verify?report_id=" + file.dataset.report, {
    method: "POST",
    headers: { "Content-Type": "application/pdf", Accept: "application/json" },
    body: chosen,
  });
  if (!asked.ok) throw new Error(String(asked.status));
  return (await asked.json()).valid;
}

if (file) {
  if (!(window.crypto && crypto.subtle)) {
    document.getElementById("how").textContent =
      "Escolha o PDF. Ele é enviado a este servidor só para a conferência, e não é guardado.";
  }
  file.addEventListener("change", async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    tell("Conferindo…", "");
    try {
      if (await isGenuine(chosen)) tell("✓ Este arquivo é o relatório emitido, byte por byte.", "good");
      else tell("✗ Este arquivo não é o relatório emitido: foi alterado ou é outro.", "bad");
    } catch (error) {
      tell("Não foi possível conferir agora. Tente de novo, ou compare o SHA-256.", "bad");
    }
  });
}
