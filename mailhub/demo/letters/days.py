"""Dates as each language writes them: a letter's "Saturday 28 November" is a Saturday still to come."""

from __future__ import annotations

from datetime import date, timedelta

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)

_NAMES = {
    "en": (
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "January February March April May June July August September October November December",
        "{weekday} {day} {month}",
    ),
    "id": (
        "Senin Selasa Rabu Kamis Jumat Sabtu Minggu",
        "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
        "{weekday}, {day} {month}",
    ),
    "de": (
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "{weekday}, {day}. {month}",
    ),
    "uk": (
        "понеділок вівторок середа четвер п’ятниця субота неділя",
        "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
        "{weekday}, {day} {month}",
    ),
    "ar": (
        "الإثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد",
        "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
        "{weekday} {day} {month}",
    ),
    "ja": ("月 火 水 木 金 土 日", " ".join(f"{n}月" for n in range(1, 13)), "{month}{day}日（{weekday}）"),
}


def written(day: date, language: str) -> str:
    """Weekday, day and month, for example "Saturday 28 November"."""
    weekdays, months, form = _NAMES[language]
    return form.format(
        weekday=weekdays.split()[day.weekday()], day=day.day, month=months.split()[day.month - 1]
    )


def month(day: date, language: str) -> str:
    """The name of the month of `day`."""
    return _NAMES[language][1].split()[day.month - 1]


def month_before(day: date) -> date:
    """The last day of the month before `day`'s."""
    return day.replace(day=1) - timedelta(days=1)


def coming(weekday: int, after: date, weeks: int = 0) -> date:
    """The next such weekday after `after` (never that day itself), and `weeks` more weeks on."""
    return after + timedelta(days=(weekday - after.weekday() - 1) % 7 + 1 + 7 * weeks)
