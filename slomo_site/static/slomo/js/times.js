// The server writes times in UTC; readers get them in their own zone and manner.

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

for (const element of document.querySelectorAll("time[datetime]")) {
  const time = new Date(element.dateTime);
  if (Number.isNaN(time.getTime())) continue; // a duration, say
  element.title = element.dateTime;
  element.textContent = (element.textContent.includes(":") ? moment : day).format(time);
}
